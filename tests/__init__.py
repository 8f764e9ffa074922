"""The tests of the mediator.

`unit/` mirrors `mediator/` file by file, `laws/` are properties, `contracts/` run one suite over every adapter of a
port, `conversations/` play whole scenarios, `attacks/` hold one file for each named attack, `conformance/` runs the
official suite of MCP, `soak/` many sessions for long, `simulated/` are honest fakes, and `promises.py` lists what all of
them are for.

SPDX-License-Identifier: Apache-2.0
"""
