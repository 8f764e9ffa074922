"""A tool server that offers what the official conformance suite asks for, in both eras, on one endpoint of loopback.

    python -m tests.simulated.conformance_server --port 3901     # http://127.0.0.1:3901/mcp

The suite names the tools, prompts and resources and says what each must answer; how they do it is ours. What asks its
client (for an answer, a sample, the roots) does so in the client's own way: with a live request to a legacy client,
with `input_required` to a modern one. So a scenario of one era has its meaning in the other, too. The mcp tasks of
the tasks extension are served beside the SDK, which has none; the suite does not score them.

SPDX-License-Identifier: Apache-2.0
"""
