"""The decision point (PDP), in neutral words: what is asked, what is answered, and what may matter.

Knows no MCP, no transport and no policy engine: requests, facts and tool schemas come in as plain values, and the
engine that answers is a Protocol that an adapter fills. Pure: no I/O, no clock.
May import `canonical`, `effect`, `refusal` and `evidence`; imported by `inspection`, `mediation` and what stands above.

SPDX-License-Identifier: Apache-2.0
"""
