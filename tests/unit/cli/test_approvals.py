"""`mediator approvals`: nothing waits, what waits, how it looks, and what is refused. With agents: `conversations/test_approvals.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.assembly.approval_facts import approval_facts
from mediator.assembly.folder import open_folder, read_operators
from mediator.canonical import JsonObject
from mediator.cli import approvals as module
from mediator.cli.console import OUT
from mediator.cli.folder import SetUp
from mediator.identity.statement import Act, Operators, verify_one_of
from mediator.mediation.approval import Approver, Denial
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands
from tests.unit.mediation.test_approval_acts import NOW_MS, REQUEST

ID = "approval-" + "a" * 32
BOB = Approver(who="bob@example.com", keyid="k", roles=frozenset({"operator"}), at_ms=NOW_MS, statement="sha256:s")
NO = Denial(who="eve@example.com", at_ms=NOW_MS, reason="not to them", statement="sha256:d")
ASKED = replace(
    REQUEST,
    approval=replace(REQUEST.approval, id=ID),
    arguments={"to": "x\u202e", "text": "[bold]hello[/]"},
    purpose="a test\x1b[2J",
    chain=("planner", "mailer"),
)


class Owner:
    """Answers as the mediator would that knows one request; remembers what it was told."""

    def __init__(self, state: str = "open") -> None:
        self.request, self.state = ASKED, state
        self.statements: list[bytes] = []

    @property
    def facts(self) -> JsonObject:
        return approval_facts(self.request, self.state, "http://127.0.0.1:8080/approve/x")

    def ask(self, _set_up: SetUp, asked: JsonObject) -> JsonObject:
        if asked["op"] == "approval.list":
            return {"approvals": [self.facts]}
        if asked.get("approval", ID) != ID:
            raise Refused(Reason.GRANT_UNKNOWN, "there is no request", remedy="look")
        return self.facts

    def put(self, _set_up: SetUp, _op: str, statement: bytes) -> JsonObject:
        self.statements.append(statement)
        return self.facts | {"state": "approved" if self.state == "open" else self.state}

    def said(self, operators: Operators) -> tuple[Act, JsonObject]:
        (raw,) = self.statements
        statement = verify_one_of(raw, operators, (Act.APPROVE, Act.DENY))
        return statement.act, statement.subject


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Owner:
    made = Owner()
    monkeypatch.setattr(module, "ask_owner", made.ask)
    monkeypatch.setattr(module, "put_statement", made.put)
    return made


@pytest.mark.usefixtures("work")
def test_where_nothing_waits_that_is_said(mediator: Commands) -> None:
    """Design 5.1: also where nobody serves."""
    ran = mediator.well("approvals", "list")
    assert (ran.out, "nothing waits for a person" in ran.err) == ("", True)
    assert mediator.well("approvals", "list", "--json").printed == []


@promise("P7")
@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("act", ["show", "approve", "deny"])
def test_of_what_is_not_there_nothing_is_shown_or_signed(mediator: Commands, act: str) -> None:
    """Bad input: before anybody is asked for a passphrase."""
    who = () if act == "show" else ("--who", "nobody@example.com")
    assert "there is no request for an approval `nope`" in mediator.refused("approvals", act, "nope", *who)


@pytest.mark.usefixtures("work", "owner")
def test_what_waits_is_listed_with_who_asks_for_what(mediator: Commands, owner: Owner) -> None:
    """Ours: one line to copy the id from, one to understand it by; what was decided with `--all`."""
    ran = mediator.well("approvals", "list")
    assert ran.out == f"{ID}  open  send: mail/send\n"
    assert "planner, alice answers for it: a test\\u{1b}[2J" in ran.err
    owner.state = "denied"
    assert mediator.well("approvals", "list").out == ""
    assert mediator.well("approvals", "list", "--all").out.startswith(f"{ID}  denied")
    (told,) = mediator.well("approvals", "list", "--all", "--json").printed
    assert told["approval"] == ID


@promise("P6")
@pytest.mark.usefixtures("work")
def test_all_of_a_request_is_shown_and_who_wrote_it(mediator: Commands, owner: Owner) -> None:
    """Issue 7: every argument, nothing hidden, nothing obeyed; and how it stands."""
    shown = mediator.well("approvals", "show", ID).out
    for text in (
        "send: mail/send  open",
        "planner -> mailer",
        "purpose (by whoever opened the task)",
        "a test\\u{1b}[2J",
        "arguments, in words of the agent:",
        '  "text": "[bold]hello[/]",',
        '  "to": "x\\u{202e}"',
    ):
        assert text in shown, shown
    assert "\u202e" not in shown
    owner.request = replace(ASKED, answers={"a": 1}, approval=replace(ASKED.approval, approvers=(BOB,), denial=NO))
    shown = mediator.well("approvals", "show", ID).out
    assert "approved by bob@example.com at 2027-01-15T08:00:00+00:00" in shown
    assert "denied by eve@example.com: not to them" in shown
    assert "answers, in words of the agent:" in shown
    assert mediator.well("approvals", "show", ID, "--json").printed["arguments"] == ASKED.arguments


@promise("P6")
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_is_approved_is_what_was_shown(
    work: Path, mediator: Commands, owner: Owner, form: tuple[str, ...]
) -> None:
    """Design 2a: the statement names the hash that was read."""
    ran = mediator.well("approvals", "approve", ID, "--who", OPERATOR, "--yes", *form)
    assert owner.said(read_operators(open_folder(work))) == (
        Act.APPROVE,
        {"id": ID, "request_hash": ASKED.approval.request_hash},
    )
    if form:
        assert ran.printed["state"] == "approved"
    else:
        assert "arguments, in words of the agent:" in ran.out
        assert ran.out.endswith(f"approved {ID}; the agent sends exactly this call again\n")


@pytest.mark.usefixtures("work")
def test_the_first_of_two_is_told_that_a_second_must(mediator: Commands, owner: Owner) -> None:
    """Issue 7: dual control."""
    owner.state = "half approved"
    assert (
        "a second person must approve it" in mediator.well("approvals", "approve", ID, "--who", OPERATOR, "--yes").out
    )


@promise("P6")
@pytest.mark.usefixtures("work")
def test_nobody_approves_unseen(mediator: Commands, owner: Owner) -> None:
    """A7: without a terminal, and without saying so, nothing is signed."""
    ran = mediator("approvals", "approve", ID, "--who", OPERATOR)
    assert (ran.code, owner.statements) == (1, [])
    assert "`--yes`" in ran.err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_is_denied_says_why(work: Path, mediator: Commands, owner: Owner, form: tuple[str, ...]) -> None:
    """Ours: without a question, for it only takes."""
    owner.state = "denied"
    ran = mediator.well("approvals", "deny", ID, "--who", OPERATOR, "--reason", "no", *form)
    act, subject = owner.said(read_operators(open_folder(work)))
    assert (act, subject["reason"]) == (Act.DENY, "no")
    assert ran.printed["state"] == "denied" if form else "this task cannot make that call" in ran.out


@pytest.mark.usefixtures("work", "owner")
@pytest.mark.parametrize("height", [10, 100])
def test_what_is_longer_than_the_terminal_is_paged(
    mediator: Commands, monkeypatch: pytest.MonkeyPatch, height: int
) -> None:
    """Issue 7: and stands above the question afterwards."""
    paged: list[bool] = []

    @contextmanager
    def pager(**_: bool) -> Iterator[None]:
        paged.append(True)
        yield

    monkeypatch.setattr(module, "is_at_a_terminal", lambda: True)
    monkeypatch.setattr(OUT, "_force_terminal", True)
    monkeypatch.setattr(OUT, "height", height)
    monkeypatch.setattr(OUT, "pager", pager)
    assert "arguments" in mediator.well("approvals", "show", ID).out
    assert paged == ([True] if height == 10 else [])
