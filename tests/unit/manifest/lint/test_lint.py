"""The linter as a whole: which findings, where, and in which order.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import Json
from mediator.manifest.kind import ItemKind
from mediator.manifest.lint.finding import Finding, FindingCode, LintItem, Neighbour, instructions_of
from mediator.manifest.lint.lint import lint


def tool(definition: dict[str, Json], server: str = "s") -> LintItem:
    return LintItem(server=server, kind=ItemKind.TOOL, name=str(definition["name"]), definition=definition)


def test_a_finding_says_where_it_stands_and_shows_what_is_there() -> None:
    """Issue 3: a pointer, and an excerpt in which invisible characters are visible."""
    item = tool({"name": "t", "inputSchema": {"properties": {"p": {"enum": ["a\u200bb\u200bc"]}}}})
    assert lint([item]) == (
        Finding(
            code=FindingCode.HIDDEN_TEXT,
            server="s",
            kind=ItemKind.TOOL,
            name="t",
            pointer="/inputSchema/properties/p/enum/0",
            excerpt=r"a\u{200b}b\u{200b}c",
            detail="characters that nobody sees and a model reads",
        ),
    )


def test_names_are_compared_with_the_pinned_tools_of_other_servers() -> None:
    """Issue 3."""
    neighbours = [Neighbour(server="mail", name="send_email")] * 2 + [Neighbour(server="post", name="sendemail")]
    found = lint([tool({"name": "send_emai1", "description": 3})], neighbours)
    assert [(finding.code, finding.pointer) for finding in found] == [(FindingCode.LOOK_ALIKE_NAME, "/name")] * 2


def test_the_servers_own_instructions_are_read() -> None:
    """Issue 3: instructions count."""
    (finding,) = lint([instructions_of("s", "be\u202ehave")], [Neighbour(server="mail", name="send_email")])
    assert (finding.code, finding.kind, finding.pointer) == (FindingCode.BIDI_CONTROL, None, "/instructions")


def test_a_definition_that_is_no_object_is_read_and_nothing_breaks() -> None:
    """Ours: what cannot be pinned may still be shown to someone."""
    item = LintItem(server="s", kind=ItemKind.RESOURCE, name="x", definition=None)
    assert lint([item], [Neighbour(server="t", name="y")]) == ()
