"""`mediator policy explain`: of decisions that were recorded, and of calls that nobody made.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands, content_of
from tests.simulated.local_host import Host, hello_of_agent, serve
from tests.simulated.replies import tools_call
from tests.simulated.tool_server_stdio import SimulatedStdioServer

FENCE = """
@id("now-in-oslo")
@reason("the clock is asked for Oslo only")
forbid (principal, action == Mediator::Action::"clock/now", resource)
unless { context.args has text && context.args.text == "Oslo" };
"""
HYPOTHETICAL = ("policy", "explain", "--agent", "assistant", "--tool")


@pytest.fixture
def decided(pinned: Path, clock: SimulatedStdioServer, tmp_path: Path, mediator: Commands) -> Path:
    """A set-up with a ledger: an allow, a denial by policy, one for want of cover, and a tool that does not exist."""
    assert clock.command
    (pinned / "policies" / "mine.cedar").write_text(FENCE)
    mediator.well("policy", "activate", "--operator", OPERATOR)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        host = Host(tmp_path, monkeypatch)
        host.says(
            tools_call("clock__now", text="Oslo"),
            tools_call("clock__now", text="Rome"),
            tools_call("clock__set_alarm", text="x"),
            tools_call("clock__nothing"),
        )
        anyio.run(partial(serve, pinned, hello_of_agent(pinned)))
        host.close()
    return pinned


def decisions(mediator: Commands) -> dict[str, str]:
    """The ids of the decisions, by their reason."""
    rows = mediator.well("ledger", "show", "--json").printed
    return {str(row["reason"]): row["id"] for row in rows if row["kind"] == "decision"}


def names(policies: Any) -> list[str]:
    return [one["policy"] for one in policies]


@promise("P8")
def test_a_recorded_denial_is_explained_as_it_was_judged(decided: Path, mediator: Commands) -> None:
    """Issue 7: which policies, which facts, and what would change it."""
    before = content_of(decided)
    decision = decisions(mediator)["DENIED_BY_POLICY"]

    told = mediator.well("policy", "explain", decision, "--json").printed

    assert told["decision"]["id"] == decision
    assert told["decision"]["comes_out_the_same"] is True
    why = told["explanation"]
    assert (why["verdict"], why["reason"]) == ("deny", "DENIED_BY_POLICY")
    assert why["sentence"] == "the clock is asked for Oslo only"
    assert (why["item"], why["action"], why["agent"]["id"]) == ("clock/now", "call", "assistant")
    assert why["decisive"] == [
        {
            "policy": "now-in-oslo",
            "file": "mine.cedar",
            "line": 2,
            "effect": "forbid",
            "reason": "the clock is asked for Oslo only",
        }
    ]
    assert names(why["considered"]) == ["calls-that-the-grant-covers"]
    assert {"fact": "context.args.text", "value": "Rome", "is_there": True} in why["facts"]
    assert {"fact": "context.grant.covers", "value": True, "is_there": True} in why["facts"]
    assert why["changes"] == [
        {
            "fact": "context.args.text",
            "value": "Oslo",
            "is_there": True,
            "by": "the agent, by other arguments",
            "verdict": "allow",
        }
    ]
    assert content_of(decided) == before


def test_it_is_told_to_people_in_tables(decided: Path, mediator: Commands) -> None:
    """Ours: by how the id begins, as a list shows it."""
    out = mediator.well("policy", "explain", decisions(mediator)["DENIED_BY_POLICY"][:8]).out

    assert "recorded: deny DENIED_BY_POLICY by now-in-oslo" in out
    assert "deny DENIED_BY_POLICY: call of clock/now" in out
    assert "for assistant, class" in out
    assert "you@example.com answers for it" in out
    assert "decisive" in out
    assert "considered" in out
    assert "context.args.text" in out
    assert "the agent, by other arguments" in out
    assert decided.is_dir()


def test_an_allow_says_what_would_deny_it(decided: Path, mediator: Commands) -> None:
    """Issue 7: what would change it, whichever way it came out."""
    why = mediator.well("policy", "explain", decisions(mediator)["None"], "--json").printed["explanation"]

    assert names(why["decisive"]) == ["calls-that-the-grant-covers"]
    turned = {(one["fact"], one["value"], one["is_there"]): one["verdict"] for one in why["changes"]}
    assert turned["context.grant.covers", False, True] == "deny"
    assert turned["context.args.text", None, False] == "deny"
    assert set(turned.values()) == {"deny"}
    assert decided.is_dir()


def test_a_call_that_was_not_covered_says_so(decided: Path, mediator: Commands) -> None:
    """Ours: the reason is the record's, the policies are the engine's."""
    told = mediator.well("policy", "explain", decisions(mediator)["NOT_COVERED"], "--json").printed

    assert told["decision"]["reason"] == "NOT_COVERED"
    assert told["explanation"]["item"] == "clock/set_alarm"
    assert {"fact": "context.grant.covers", "value": False, "is_there": True} in told["explanation"]["facts"]
    assert decided.is_dir()


def test_where_no_policy_was_asked_that_is_said(decided: Path, mediator: Commands) -> None:
    """Ours: what does not exist for a caller is not asked about."""
    decision = decisions(mediator)["UNKNOWN_TOOL"]

    assert mediator.well("policy", "explain", decision, "--json").printed["explanation"] is None
    assert "no policy was asked: what stopped it comes before" in mediator.well("policy", "explain", decision).out
    assert decided.is_dir()


@promise("P8")
def test_under_other_policies_than_those_of_then_nothing_is_guessed(
    decided: Path, tmp_path: Path, mediator: Commands
) -> None:
    """Issue 7: says so plainly; and takes the set of then from where it was kept."""
    decision = decisions(mediator)["DENIED_BY_POLICY"]
    shutil.copytree(decided / "policies", tmp_path / "then")
    (decided / "policies" / "mine.cedar").unlink()

    error = mediator.refused("policy", "explain", decision)

    assert f"decision `{decision}` was deny DENIED_BY_POLICY by now-in-oslo, and cannot be explained" in error
    assert "the policies that were in force then are not these" in error
    assert "`--policies DIR`" in error
    told = mediator.well("policy", "explain", decision, "--policies", str(tmp_path / "then"), "--json").printed
    assert names(told["explanation"]["decisive"]) == ["now-in-oslo"]


@promise("P8")
def test_where_the_values_were_erased_nothing_is_guessed(decided: Path, mediator: Commands) -> None:
    """Issue 7: says so plainly."""
    decision = decisions(mediator)["DENIED_BY_POLICY"]
    for file in (decided / ".mediator" / "ledger").glob("*/values-*.jsonl"):
        file.write_bytes(b"".join(line for line in file.read_bytes().splitlines(True) if decision.encode() not in line))

    assert "its values were erased, or never kept" in mediator.refused("policy", "explain", decision)


def test_a_decision_that_is_not_there_is_named(decided: Path, mediator: Commands) -> None:
    """Issue 7: what, where, and the next step."""
    assert "no decision begins with `nonsense`" in mediator.refused("policy", "explain", "nonsense")
    assert "several decisions begin with ``" in mediator.refused("policy", "explain", "")
    shutil.rmtree(decided / ".mediator" / "ledger")
    assert "there is no ledger" in mediator.refused("policy", "explain", "nonsense")


def test_a_call_that_nobody_made_is_asked_about(pinned: Path, mediator: Commands) -> None:
    """Issue 7: a hypothetical call, in the words of a case."""
    (pinned / "policies" / "mine.cedar").write_text(FENCE)
    ask = (*HYPOTHETICAL, "clock/now", "--arguments", '{"text": "Oslo"}')

    allowed = mediator.well(*ask, "--json").printed
    uncovered = mediator.well(*ask, "--context", '{"grant": {"covers": false}}', "--json").printed["explanation"]

    assert allowed["decision"] is None
    assert allowed["explanation"]["verdict"] == "allow"
    assert (uncovered["verdict"], uncovered["decisive"]) == ("deny", [])
    assert uncovered["changes"][0]["fact"] == "context.grant.covers"
    out = mediator.well(*ask).out
    assert out.startswith("a call that nobody made: covered, and with a proof of the agent's key")
    assert "allow: call of clock/now" in out


def test_where_no_single_change_turns_it_that_is_said(pinned: Path, mediator: Commands) -> None:
    """Ours: silence would look like a list that is not finished."""
    (pinned / "policies" / "mine.cedar").write_text(
        '@id("no") @reason("never") forbid (principal, action in Mediator::Action::"call_tool", resource);'
    )
    out = mediator.well(*HYPOTHETICAL, "clock/now", "--arguments", '{"text": "Oslo"}').out
    assert "no single fact that somebody can change would turn it" in out
    assert "  never\n" in out


WRONG = {
    "nothing": ((), "one decision was expected"),
    "both": (("abc", "--agent", "assistant", "--tool", "clock/now"), "one decision was expected"),
    "no tool": (("--agent", "assistant"), "one decision was expected"),
    "an unknown agent": (("--agent", "nobody", "--tool", "clock/now"), "there is no agent `nobody`"),
    "an unknown tool": (("--agent", "assistant", "--tool", "clock/then"), "`clock/then` is not pinned"),
    "arguments that are not JSON": (
        ("--agent", "assistant", "--tool", "clock/now", "--arguments", "{"), "--arguments: "
    ),
    "arguments that do not fit": (
        ("--agent", "assistant", "--tool", "clock/now", "--arguments", '{"text": 5}'), "--arguments: "
    ),
    "a misspelt fact": (
        ("--agent", "assistant", "--tool", "clock/now", "--context", '{"prof": "dpop"}'), "--context: "
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_explained_is_refused_with_the_next_step(kind: str, pinned: Path, mediator: Commands) -> None:
    """Issue 7: what, where, and the next step."""
    words, said = WRONG[kind]
    error = mediator.refused("policy", "explain", *words)
    assert said in error
    assert " next: " in error
    assert pinned.is_dir()


def test_policies_that_cannot_be_put_in_force_explain_nothing(pinned: Path, mediator: Commands) -> None:
    """Ours: an answer of a set that never could have answered would mislead."""
    (pinned / "policies" / "mine.cedar").write_text("nonsense;")
    assert "cannot be put in force" in mediator.refused(*HYPOTHETICAL, "clock/now")
