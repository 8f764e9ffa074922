"""Names among their neighbours: what passes for another server's tool.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.lint.finding import FindingCode, Neighbour
from mediator.manifest.lint.names import name_hits, neighbourhood

PINNED = neighbourhood(
    [
        Neighbour(server="mail", name="send_email", description="Send an email through the company's own relay."),
        Neighbour(server="files", name="read_file"),
        Neighbour(server="files", name="find"),
        Neighbour(server="files", name="get_status"),
        Neighbour(server="files", name="search_v1"),
    ]
)


def codes(name: str, description: str = "", server: str = "evil") -> list[FindingCode]:
    return [hit.code for hit in name_hits(server, name, description, PINNED)]


@pytest.mark.parametrize(
    "name",
    [
        "send-email",
        "Send_Email",
        "send_emai1",
        "send_emall",
        "sned_email",
        "send_mail",
        "reed_file",
        "get_statos",
        "get_sta_tus",
        "get_statu_x",
    ],
)
def test_a_name_that_passes_for_anothers_is_an_alarm(name: str) -> None:
    """Issue 3: look-alike names, against every pinned tool of every server."""
    assert FindingCode.LOOK_ALIKE_NAME in codes(name)


def test_two_scripts_in_one_name_are_an_alarm_without_any_neighbour() -> None:
    """Unicode TR 39."""
    assert codes("d\u0435lete_x") == [FindingCode.LOOK_ALIKE_NAME]


def test_the_same_name_with_the_same_description_takes_anothers_place() -> None:
    """Issue 3: names that shadow."""
    assert codes("send_email", "send an Email through the company's own RELAY, fast") == [FindingCode.SHADOWS_TOOL]


def test_the_same_name_with_a_description_of_its_own_is_only_shown() -> None:
    """Ours: `search` is what many servers offer, and on `/mcp` each carries its server's name."""
    assert codes("send_email", "Hands a letter to the post.") == [FindingCode.SHARES_NAME]
    assert codes("read_file", "Reads.") == [FindingCode.SHARES_NAME]


@pytest.mark.parametrize("name", ["send_emails", "set_status", "search_v2", "write_file", "bind", "fund", "summarize"])
def test_another_word_is_another_name(name: str) -> None:
    """Ours: short words differ by one letter everywhere, and plurals are honest."""
    assert codes(name) == []


def test_tools_of_one_server_may_resemble_each_other() -> None:
    """Ours."""
    assert codes("read-file", server="files") == []
    assert codes("read_fil", server="files") == []
