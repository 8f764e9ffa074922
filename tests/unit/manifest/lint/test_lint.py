"""The linter as a whole: which findings, where, and in which order.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json
from mediator.kind import ItemKind
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


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=80),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
        max_leaves=8,
    ),
    st.text(alphabet="ignore alpusi\\x%&#;0123456789=<>/.~\u200b\u202e'\"-_", max_size=200),
)
def test_anything_at_all_can_be_read(definition: Json, text: str) -> None:
    """Ours: what a hostile server offers never breaks a review."""
    items = [tool({"name": "t", "description": text, "annotations": definition})]
    items.append(LintItem(server="s", kind=ItemKind.PROMPT, name=text, definition=definition))
    for finding in lint(items, [Neighbour(server="o", name=text), Neighbour(server="o", name="t")]):
        assert len(finding.excerpt.splitlines()) <= 1
