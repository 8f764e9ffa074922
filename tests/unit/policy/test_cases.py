"""Tests of cases of a policy set, as files say them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediator.canonical import canonical_bytes
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.cases import CaseResult, CaseRun, call_of, parse_cases, result_of, run_of
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import (
    RESOURCE_INPUT_SCHEMA,
    AccessRequest,
    Action,
    AgentFacts,
    ApprovalFacts,
    AskFacts,
    ChainFacts,
    DelegatedFacts,
    DelegationRequest,
    JustificationFacts,
    TargetFacts,
    prompt_input_schema,
)
from mediator.refusal import Reason, Refused
from tests.unit.policy.facts import AGENT, TOOL
from tests.unit.policy.read import policies_of

ALLOWED = Decision(verdict=Verdict.ALLOW, determining=("a", "b"), policy_digest="sha256:x")
DENIED = Decision(verdict=Verdict.DENY, determining=(), policy_digest="sha256:x", reason=Reason.POLICY_ERROR)


class Oracle:
    """An engine that always answers the same."""

    digest = "sha256:x"

    def __init__(self, answer: Decision) -> None:
        self._answer = answer

    def evaluate(self, request: AccessRequest) -> Decision:
        assert request.key == "files/read"
        return self._answer

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        assert request.receiver.id == "agent-2"
        return replace(self._answer, determining=("delegated",))

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        assert question.requester.id == "agent-1"
        return replace(self._answer, determining=("approved",))


def a_file(case: Any = None, tool: Any = None, **more: Any) -> bytes:
    case = {"name": "a case", "expect": {"verdict": "allow"}} | (case or {})
    return canonical_bytes({"tools": [tool or {}], "cases": [case]} | more)


def request_of(case: Any) -> AccessRequest:
    request = parse_cases(a_file(case)).cases[0].request
    assert isinstance(request, AccessRequest)
    return request


def delegation_of(case: Any) -> DelegationRequest:
    request = parse_cases(a_file(case)).cases[0].request
    assert isinstance(request, DelegationRequest)
    return request


def test_a_case_that_says_nothing_is_a_covered_call_of_a_bearer_agent() -> None:
    """Ours: so that a case says only what it is about."""
    file = parse_cases(a_file())
    request = file.cases[0].request
    assert isinstance(request, AccessRequest)
    assert request.key == file.items[0].key == "files/read"
    assert request.action is Action.CALL
    assert request.arguments == {}
    assert request.base is not None
    assert (request.base.grant.covers, request.base.proof, request.base.approval) == (True, "dpop", None)


def test_every_fact_can_be_said() -> None:
    """Ours: under the names that policies read them by."""
    request = request_of(
        {
            "agent": {"id": "a", "owner": "o", "class": "c", "team": "t"},
            "tool": "mail/send",
            "arguments": {"to": "x"},
            "context": {
                "chain": {"depth": 2, "root": "r", "members": ["m"], "connectors": ["n"]},
                "grant": {"id": "g", "covers": False, "purpose": "p", "expires": 7},
                "task": {"id": "t", "labels": ["l"], "calls": 3, "denials": 2, "age": 4, "novel": ["v"]},
                "destination": ["d"],
                "proof": "dpop",
                "approval": {"approver": "b", "at": 5, "request_hash": "h"},
                "justified": True,
                "justification": {"by": "agent", "bytes": 8},
                "targets": {"hosts": ["a.example"], "paths": ["/p"]},
                "now": 6,
                "utc_offset_minutes": -90,
                "protocol": "2025-11-25",
                "request_hash": "h",
                "provenance": ["w"],
            },
        }
    )
    base = request.base
    assert base is not None
    assert (request.principal.agent_class, request.principal.team, request.key) == ("c", "t", "mail/send")
    assert (base.chain.depth, base.chain.members, base.grant.covers) == (2, frozenset({"m"}), False)
    assert (base.task.labels, base.task.age_ms, base.now_ms) == (frozenset({"l"}), 4, 6)
    assert base.approval == ApprovalFacts(approver="b", at_ms=5, request_hash="h")
    assert base.justification == JustificationFacts(by="agent", size_bytes=8)
    assert base.targets == TargetFacts(hosts=frozenset({"a.example"}), paths=frozenset({"/p"}))
    assert base.utc_offset_seconds == -5_400
    assert (base.justified, base.provenance, base.protocol) == (True, frozenset({"w"}), "2025-11-25")


def test_a_case_is_of_a_call_that_was_justified_unless_it_says_that_nobody_did() -> None:
    """Ours: a case says only what it is about; and what an entry names is an intent."""
    plain, unjustified = request_of({}).base, request_of({"context": {"justification": None}}).base
    uncovered = request_of({"context": {"grant": {"covers": False}}}).base
    assert plain is not None
    assert unjustified is not None
    assert uncovered is not None
    assert plain.justification == JustificationFacts(by="owner", size_bytes=40)
    assert (unjustified.justification, plain.justified, uncovered.justified) == (None, True, False)


def test_a_listing_has_no_circumstances() -> None:
    """Ours: what is seen is decided on stable facts."""
    request = request_of({"action": "list"})
    assert (request.action, request.base, request.arguments) == (Action.LIST, None, None)
    with pytest.raises(Refused):
        request_of({"action": "list", "context": {"now": 1}})


def test_a_case_names_a_prompt_or_a_resource_instead() -> None:
    """Ours: with the action and the method of its kind, unless it says another."""
    prompted = request_of({"prompt": "files/summarise", "arguments": {"topic": "x"}})
    assert (prompted.key, prompted.kind, prompted.action) == ("files/prompt:summarise", ItemKind.PROMPT, Action.CALL)
    assert prompted.base is not None
    assert prompted.base.method == "prompts/get"
    read = request_of(
        {"resource": "files/file:///srv/", "action": "read_resource", "arguments": {"uri": "file:///srv/a"}}
    )
    assert (read.key, read.kind, read.action) == ("files/resource:file:///srv/", ItemKind.RESOURCE, Action.CALL)
    assert read.base is not None
    assert read.base.method == "resources/read"
    completed = request_of({"prompt": "files/summarise", "context": {"method": "completion/complete"}})
    assert completed.base is not None
    assert completed.base.method == "completion/complete"


def test_a_case_is_of_what_a_server_asks() -> None:
    """Ours: in the course of a call of the item that it names; without arguments."""
    asked = request_of({"action": "elicit", "ask": {"mode": "url", "url": "https://a.example"}})
    assert (asked.action, asked.arguments, asked.key) == (Action.ELICIT, None, "files/read")
    assert asked.ask == AskFacts(mode="url", url="https://a.example")
    assert request_of({"action": "elicit"}).ask == AskFacts(mode="form")
    sampled = request_of({"action": "sample", "prompt": "files/summarise"})
    assert (sampled.action, sampled.ask, sampled.key) == (Action.SAMPLE, None, "files/prompt:summarise")
    assert sampled.base is not None


def test_a_case_names_the_agent_to_which_authority_is_handed_instead() -> None:
    """Ours: silence is a delegation of what reads, one step down, to an agent like the first."""
    silent = delegation_of({"delegate": {}})
    assert silent == DelegationRequest(
        principal=AgentFacts(id="agent-1", owner="owner@example.com", agent_class="assistant", team=""),
        receiver=AgentFacts(id="agent-2", owner="owner@example.com", agent_class="assistant", team=""),
        chain=ChainFacts(depth=0, root="owner@example.com", members=frozenset({"agent-1"}), connectors=frozenset()),
        grant_id="grant-1",
        purpose="a case",
        expires_ms=2_000_000,
        delegated=DelegatedFacts(
            effects=frozenset({Effect.READ}),
            servers=frozenset({"files"}),
            depth=1,
            max_depth=1,
            minutes=5,
            max_calls=None,
            is_connector=False,
        ),
        now_ms=1_000_000,
        proof="dpop",
    )


def test_every_fact_of_a_delegation_can_be_said() -> None:
    """Ours: under the names that policies read them by."""
    request = delegation_of(
        {
            "agent": {"id": "a"},
            "delegate": {"id": "b", "owner": "o", "class": "connector", "team": "t"},
            "context": {
                "chain": {"depth": 1, "root": "r", "members": ["r", "a"], "connectors": ["c"]},
                "grant": {"id": "g", "purpose": "p", "expires": 7},
                "delegated": {
                    "effects": ["send", "read"],
                    "servers": ["mail"],
                    "depth": 2,
                    "max_depth": 3,
                    "minutes": 4,
                    "max_calls": 6,
                    "is_connector": True,
                },
                "now": 5,
                "proof": "dpop",
            },
        }
    )
    assert request == DelegationRequest(
        principal=AgentFacts(id="a", owner="owner@example.com", agent_class="assistant", team=""),
        receiver=AgentFacts(id="b", owner="o", agent_class="connector", team="t"),
        chain=ChainFacts(depth=1, root="r", members=frozenset({"r", "a"}), connectors=frozenset({"c"})),
        grant_id="g",
        purpose="p",
        expires_ms=7,
        delegated=DelegatedFacts(
            effects=frozenset({Effect.SEND, Effect.READ}),
            servers=frozenset({"mail"}),
            depth=2,
            max_depth=3,
            minutes=4,
            max_calls=6,
            is_connector=True,
        ),
        now_ms=5,
        proof="dpop",
    )


def test_a_delegation_is_asked_about_as_one() -> None:
    """Ours: the engine has a question of its own for it."""
    (case,) = parse_cases(a_file({"delegate": {}})).cases
    assert result_of("a.json", case, Oracle(ALLOWED)).got == "allow by delegated"


def test_a_case_names_the_person_who_approves_instead() -> None:
    """Ours: of whichever kind of item; silence is an operator and the plain tool."""
    (case,) = parse_cases(a_file({"approve": {}})).cases
    assert isinstance(case.request, ApprovalQuestion)
    assert (case.request.key, case.request.principal.roles) == ("files/read", frozenset({"operator"}))
    assert result_of("a.json", case, Oracle(ALLOWED)).got == "allow by approved"
    (other,) = parse_cases(a_file({"approve": {"name": "n"}, "prompt": "mail/outbox", "agent": {"id": "a"}})).cases
    assert isinstance(other.request, ApprovalQuestion)
    assert (other.request.key, other.request.requester.id) == ("mail/prompt:outbox", "a")


def test_prompts_and_resources_are_described_too() -> None:
    """Ours: a prompt by the names of its arguments; what can be read of a resource is its URI."""
    found = parse_cases(a_file(prompts=[{"prompt": "p", "arguments": ["topic"]}], resources=[{"sensitivity": 2}])).items
    assert [(one.kind, one.name) for one in found] == [
        (ItemKind.TOOL, "read"),
        (ItemKind.PROMPT, "p"),
        (ItemKind.RESOURCE, "file:///srv/"),
    ]
    assert [one.input_schema for one in found[1:]] == [prompt_input_schema(["topic"]), RESOURCE_INPUT_SCHEMA]


def test_a_tool_is_described_as_its_manifest_describes_it() -> None:
    """Ours."""
    (found,) = parse_cases(
        a_file(
            tool={
                "server": "mail",
                "tool": "send",
                "effect": "send",
                "sensitivity": 3,
                "sends_to": ["abroad"],
                "targets": ["/to"],
                "input_schema": {"type": "object"},
                "domain": "office",
            }
        )
    ).items
    assert (found.key, found.effect, found.sensitivity) == ("mail/send", Effect.SEND, 3)
    assert (found.sends_to, found.targets, found.domain) == (frozenset({"abroad"}), ("/to",), "office")


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "the file holds no case"),
        (a_file(more=1), "the file/more is not known"),
        (a_file(tools=[1]), "tools/0 is no object"),
        (a_file(tools={}), "the file/tools is no list"),
        (a_file({"nane": "x"}), "cases/0/nane is not known"),
        (a_file({"name": ""}), "a case has no name"),
        (a_file({"tool": 1}), "cases/0/tool is not of the type of `files/read`"),
        (a_file({"arguments": []}), "cases/0/arguments is no object"),
        (a_file({"action": "delete"}), "`delete` is none of call_tool, list, elicit, sample, list_roots"),
        (a_file({"action": "call"}), "`call` is none of call_tool, list"),
        (a_file({"action": "get_prompt"}), "`get_prompt` is none of call_tool, list"),
        (a_file({"prompt": "files/a", "action": "call_tool"}), "`call_tool` is none of get_prompt, list"),
        (a_file({"prompt": "files/a", "tool": "files/a"}), "cases/0/prompt is not known"),
        (a_file({"ask": {}}), "cases/0/ask is not known"),
        (a_file({"action": "elicit", "arguments": {}}), "cases/0/arguments is not known"),
        (a_file({"action": "sample", "ask": {}}), "cases/0/ask is not known"),
        (a_file({"action": "elicit", "ask": {"way": "url"}}), "cases/0/ask/way is not known"),
        (a_file(prompts=[{"arguments": [1]}]), "prompts/0/arguments holds something that is no text"),
        (a_file(resources=[{"input_schema": {}}]), "resources/0/input_schema is not known"),
        (a_file({"delegate": "b"}), "cases/0/delegate is no object"),
        (a_file({"delegate": {"name": "b"}}), "cases/0/delegate/name is not known"),
        (a_file({"delegate": {}, "tool": "files/read"}), "cases/0/tool is not known"),
        (a_file({"delegate": {}, "action": "delegate"}), "cases/0/action is not known"),
        (a_file({"delegate": {}, "arguments": {}}), "cases/0/arguments is not known"),
        (a_file({"delegate": {}, "context": {"task": {}}}), "cases/0/context/task is not known"),
        (
            a_file({"delegate": {}, "context": {"grant": {"covers": True}}}),
            "cases/0/context/grant/covers is not known",
        ),
        (
            a_file({"delegate": {}, "context": {"delegated": {"tools": []}}}),
            "cases/0/context/delegated/tools is not known",
        ),
        (
            a_file({"delegate": {}, "context": {"delegated": {"max_calls": None}}}),
            "cases/0/context/delegated/max_calls is not of the type of `0`",
        ),
        (
            a_file({"delegate": {}, "context": {"delegated": {"effects": ["explode"]}}}),
            "`explode` is none of read, write, delete, send, exec",
        ),
        (a_file({"action": "delegate"}), "`delegate` is none of call_tool, list, elicit, sample, list_roots"),
        (a_file({"context": {"labels": []}}), "cases/0/context/labels is not known"),
        (a_file({"context": {"grant": {"covers": 1}}}), "cases/0/context/grant/covers is not of the type of `True`"),
        (a_file({"context": {"task": {"labels": [1]}}}), "cases/0/context/task/labels holds something that is no text"),
        (a_file({"context": {"task": {"calls": True}}}), "cases/0/context/task/calls is not of the type of `0`"),
        (a_file({"expect": {}}), "`` is none of allow, deny"),
        (a_file({"expect": {"verdict": "deny", "reason": "NO"}}), "`NO` is none of "),
        (a_file(tool={"effect": "explode"}), "`explode` is none of read, write, delete, send, exec"),
    ],
)
def test_a_file_that_is_none_is_told_where_it_is_wrong(raw: bytes, where: str) -> None:
    """Ours: a misspelt fact would test something else."""
    with pytest.raises(Refused) as stop:
        parse_cases(raw)
    assert stop.value.reason is Reason.MALFORMED
    assert stop.value.detail.startswith(where)


@given(st.binary(max_size=40))
@example(b'{"cases":[{"name":"x","expect":[]}]}')
@example(b'{"cases":[{"name":null}]}')
def test_any_bytes_are_cases_or_refused(raw: bytes) -> None:
    """House style 4: `parse_*` raises `Refused` and nothing else."""
    try:
        parse_cases(raw)
    except Refused as stop:
        assert stop.reason in {Reason.MALFORMED, Reason.BODY_TOO_LARGE}


@pytest.mark.parametrize(
    ("expect", "answer", "passed", "expected", "got"),
    [
        ({"verdict": "allow"}, ALLOWED, True, "allow", "allow by a, b"),
        ({"verdict": "allow", "policies": ["b", "a"]}, ALLOWED, True, "allow by a, b", "allow by a, b"),
        ({"verdict": "allow", "policies": ["a"]}, ALLOWED, False, "allow by a", "allow by a, b"),
        ({"verdict": "deny"}, ALLOWED, False, "deny", "allow by a, b"),
        ({"verdict": "deny"}, DENIED, True, "deny", "deny POLICY_ERROR"),
        ({"verdict": "deny", "reason": "POLICY_ERROR"}, DENIED, True, "deny POLICY_ERROR", "deny POLICY_ERROR"),
        ({"verdict": "deny", "reason": "FROZEN"}, DENIED, False, "deny FROZEN", "deny POLICY_ERROR"),
        ({"verdict": "deny", "policies": []}, DENIED, True, "deny", "deny POLICY_ERROR"),
    ],
)
def test_a_case_passes_if_all_that_it_expects_came_out(
    expect: Any, answer: Decision, passed: bool, expected: str, got: str
) -> None:
    """Ours: the verdict always; policies and reason where the case says them."""
    (case,) = parse_cases(a_file({"expect": expect})).cases
    assert result_of("a.json", case, Oracle(answer)) == CaseResult(
        file="a.json", name="a case", passed=passed, expected=expected, got=got, decisive=answer.determining
    )


def test_a_policy_that_no_answer_rests_on_is_told_and_an_error_rests_on_none() -> None:
    """Ours: what could be lost without a case that fails is not tested."""
    (case,) = parse_cases(a_file({"expect": {"verdict": "deny"}})).cases
    failed = result_of("a.json", case, Oracle(replace(DENIED, determining=("p1",))))
    decided = replace(failed, decisive=("p0",))
    policies = policies_of("permit(principal, action, resource);", "permit(principal, action, resource);")

    assert failed.decisive == ()
    assert run_of([failed, decided], policies) == CaseRun(results=(failed, decided), never_decisive=policies[1:])


def test_a_call_that_is_no_case_is_a_covered_one_of_now_under_a_task_of_the_agent() -> None:
    """Ours: what the circumstances do not say is plain, and what they misspell is refused."""
    item = replace(TOOL, sends_to=frozenset({"disk"}))
    request = call_of(AGENT, item, {"path": "a"}, {"proof": "bearer"}, 5_000)

    assert (request.principal, request.key, request.arguments) == (AGENT, item.key, {"path": "a"})
    facts = request.base
    assert facts is not None
    assert (facts.now_ms, facts.proof, facts.method) == (5_000, "bearer", "tools/call")
    assert (facts.grant.covers, facts.grant.expires_ms) == (True, 905_000)
    assert (facts.chain.root, facts.chain.members, facts.destination) == (
        AGENT.id,
        frozenset({AGENT.id}),
        item.sends_to,
    )
    with pytest.raises(Refused) as refused:
        call_of(AGENT, item, {}, {"prof": "bearer"}, 5_000)
    assert "prof" in str(refused.value.detail)
