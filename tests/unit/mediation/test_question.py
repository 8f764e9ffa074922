"""What policy is asked: facts of stored grants and pins, and a hash that nobody guesses arguments from.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from mediator.because import Author, Because
from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.delegation.details import parse_arguments
from mediator.delegation.grant import Grant
from mediator.effect import Effect
from mediator.inspection.asking import release_ask
from mediator.inspection.result import Ask
from mediator.manifest.family import FamilyForm
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.question import (
    agent_facts,
    ask_question,
    call_question,
    delegation_question,
    find_justification,
    grant_name,
    list_question,
    request_hash,
)
from mediator.policy.request import NO_TARGETS, Action, AskFacts, JustificationFacts
from mediator.wire.call import Call
from mediator.wire.methods import AskMethod
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant, authority
from tests.simulated.judged import a_call, a_prompt, a_resource, a_tool, circumstances_of, identified
from tests.simulated.judged import chain_of as linked

GRANT = a_grant()
TOOL = a_tool(sends_to=frozenset({"example.com"}))


def chain_of(grant: Grant) -> DelegationChain:
    return prove_chain(identified(grant).claims, (grant,), None, NOW_MS)


@promise("P9")
def test_the_principal_is_who_the_stored_grant_names() -> None:
    """Glossary, actor: `act` and the token's claims are copies for readers."""
    facts = agent_facts(GRANT)
    assert (facts.id, facts.owner, facts.agent_class, facts.team) == (
        "planner",
        "alice@example.com",
        "assistant",
        "research",
    )


def test_whether_a_tool_may_be_seen_is_asked_on_stable_facts_alone() -> None:
    """Design 5.7: listings are cached by them."""
    question = list_question(GRANT, TOOL)
    assert (question.action, question.kind, question.server, question.name) == (Action.LIST, "tool", "clock", "now")
    assert (question.base, question.arguments) == (None, None)


def test_whether_a_call_may_be_made_is_asked_with_all_that_a_policy_may_read() -> None:
    """Design 5.5, the base context."""
    circumstances = replace(circumstances_of(GRANT), labels=frozenset({"untrusted"}), calls=2)
    circumstances = replace(circumstances, novel=frozenset({"tool"}), utc_offset_seconds=3_600)
    question = call_question(
        a_call(), identified(GRANT), circumstances, chain_of(GRANT), TOOL, "sha256:r", NOW_MS, covers=True
    )
    assert question.action is Action.CALL
    assert question.arguments == {"timezone": "Europe/Oslo"}
    base = question.base
    assert base is not None
    assert (base.chain.depth, base.chain.root, base.chain.members) == (0, "planner", frozenset({"planner"}))
    assert (base.grant.id, base.grant.covers, base.grant.purpose) == ("g-1", True, "tell the time")
    assert base.grant.expires_ms == GRANT.expires_ms
    assert (base.task.id, base.task.labels, base.task.calls) == ("g-1", frozenset({"untrusted"}), 2)
    assert base.task.age_ms == 60_000
    assert base.destination == frozenset({"example.com"})
    assert (base.proof, base.approval, base.justified, base.justification) == ("bearer", None, True, None)
    assert (base.task.novel, base.utc_offset_seconds) == (frozenset({"tool"}), 3_600)
    assert base.targets is NO_TARGETS
    assert (base.now_ms, base.protocol, base.request_hash) == (NOW_MS, "2026-07-28", "sha256:r")


def test_a_request_is_hashed_as_the_contract_says() -> None:
    """Design 5.8: SHA-256(task salt, JCS({server, tool, pin digest, arguments, task, purpose}))."""
    arguments: JsonObject = {"b": [1, {"ä": "ö"}], "a": 0.5}
    form = canonical_bytes(
        {
            "arguments": arguments,
            "pin": TOOL.digest,
            "purpose": GRANT.purpose,
            "server": "clock",
            "task": "g-1",
            "tool": "now",
        }
    )
    expected = "sha256:" + hashlib.sha256(GRANT.salt.encode() + form).hexdigest()
    assert request_hash(chain_of(GRANT), TOOL, a_call(arguments)) == expected


@pytest.mark.parametrize(
    ("grant", "item", "call"),
    [
        (a_grant(salt="0" * 32), TOOL, a_call({})),
        (a_grant(purpose="tell the date"), TOOL, a_call({})),
        (a_grant(id="g-2"), TOOL, a_call({})),
        (GRANT, a_tool(digest="sha256:1"), a_call({})),
        (GRANT, a_tool(server="watch"), a_call({})),
        (GRANT, a_tool(name="then"), a_call({})),
        (GRANT, TOOL, a_call({"a": 1})),
        (GRANT, TOOL, a_call({}, {"input": {"action": "accept"}})),
        (GRANT, TOOL, a_call({}, method="prompts/get")),
        (GRANT, a_prompt(name="now", digest=TOOL.digest), a_call({})),
    ],
)
def test_a_request_that_differs_in_anything_has_another_hash(grant: Grant, item: PinnedItem, call: Call) -> None:
    """Ours: an approval is bound to exactly one request."""
    assert request_hash(chain_of(grant), item, call) != request_hash(chain_of(GRANT), TOOL, a_call({}))


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (TOOL, "now"),
        (a_prompt(), "prompt:greet"),
        (a_resource("test://{id}/x", FamilyForm.TEMPLATE), "resource:test://{id}/x"),
    ],
)
def test_a_grant_means_an_item_by_its_kind_and_name(item: PinnedItem, name: str) -> None:
    """P4: a pattern for a tool is none for a prompt of the same name."""
    assert grant_name(item) == name


@pytest.mark.parametrize(
    ("call", "item", "told"),
    [
        (a_call({"who": "x"}, method="prompts/get", kind="prompt", name="greet"), a_prompt(), {"who": "x"}),
        (
            a_call({"uri": "test://now"}, method="resources/read", kind="resource", name=None),
            a_resource(),
            {"uri": "test://now"},
        ),
        (
            a_call(
                {"argument": {"name": "who", "value": "a"}, "context": {"arguments": {"tone": "b"}}},
                method="completion/complete",
                kind="prompt",
                name="greet",
            ),
            a_prompt(),
            {"who": "a", "tone": "b"},
        ),
        (
            a_call(
                {"argument": {"name": "id", "value": "a"}},
                method="completion/complete",
                kind="resource",
                name="test://{id}",
            ),
            a_resource(),
            {"uri": "test://{id}"},
        ),
    ],
)
def test_policies_are_told_the_arguments_of_each_kind(call: Call, item: PinnedItem, told: JsonObject) -> None:
    """Design 5.5: a prompt's arguments, a resource's URI; while one is completed, what there is of them."""
    question = call_question(
        call, identified(GRANT), circumstances_of(GRANT), chain_of(GRANT), item, "sha256:r", NOW_MS, covers=True
    )
    assert (question.kind, question.name, question.arguments) == (item.kind, item.name, told)
    assert question.base is not None
    assert question.base.method == call.method


def test_whether_a_server_may_ask_is_asked_with_the_call_in_whose_course_it_does() -> None:
    """Issue 4: with Cedar actions of its own; of an elicitation it matters where a person is sent."""
    by_url: JsonObject = {"message": "", "mode": "url", "url": "https://a.example"}
    by_form: JsonObject = {"message": "", "requestedSchema": {}}
    asks: list[tuple[AskMethod, JsonObject, Action, AskFacts | None]] = [
        (AskMethod.ROOTS, {}, Action.LIST_ROOTS, None),
        (AskMethod.SAMPLE, {"messages": []}, Action.SAMPLE, None),
        (AskMethod.ELICIT, by_url, Action.ELICIT, AskFacts(mode="url", url="https://a.example")),
        (AskMethod.ELICIT, by_form, Action.ELICIT, AskFacts(mode="form")),
    ]
    for method, params, action, facts in asks:
        ask = release_ask(Ask(method=method, params=params, size_bytes=2))
        question = ask_question(
            ask.method,
            AskFacts(mode=ask.mode, url=ask.url),
            a_call(),
            identified(GRANT),
            circumstances_of(GRANT),
            chain_of(GRANT),
            TOOL,
            "sha256:r",
            NOW_MS,
        )
        assert (question.action, question.ask, question.arguments) == (action, facts, None)
        assert question.base is not None
        assert question.base.grant.covers


ROOT = a_grant(agent="planner", max_depth=2, rights=authority("clock/* read,write", "mail/send send"))
GATEWAY = a_grant(
    id="g-1a",
    parent="g-1",
    root="g-1",
    depth=1,
    max_depth=2,
    agent="gateway",
    is_connector=True,
    purpose="a part of it",
)


def child_of(*entries: str, **changed: object) -> Grant:
    return a_grant(
        id="g-1b",
        parent="g-1a",
        root="g-1",
        depth=2,
        max_depth=2,
        agent="worker",
        agent_class="fleet",
        team="ops",
        rights=authority(*entries),
        expires_ms=NOW_MS + 90_001,
        **changed,
    )


@promise("P4", "P9")
def test_whether_something_may_be_handed_on_is_asked_with_who_gives_who_receives_and_how_much() -> None:
    """Issue 5: `delegate`, from the stored links; the child is what would be stored."""
    child = child_of("clock/now read", "mail/send send", max_calls=3)
    question = delegation_question(linked(ROOT, GATEWAY), child, "bearer", [TOOL], NOW_MS)
    assert (question.principal, question.receiver) == (agent_facts(GATEWAY), agent_facts(child))
    assert (question.receiver.agent_class, question.receiver.team) == ("fleet", "ops")
    assert (question.grant_id, question.purpose, question.expires_ms) == ("g-1a", "a part of it", GATEWAY.expires_ms)
    chain = question.chain
    assert (chain.depth, chain.root, chain.members) == (1, "planner", frozenset({"planner", "gateway"}))
    assert chain.connectors == frozenset({"gateway"})
    delegated = question.delegated
    assert delegated.effects == frozenset({"read", "send"})
    assert delegated.servers == frozenset({"clock", "mail"})
    assert (delegated.depth, delegated.max_depth, delegated.max_calls) == (2, 2, 3)
    assert (delegated.is_connector, question.now_ms, question.proof) == (False, NOW_MS, "bearer")


@pytest.mark.parametrize(("left_ms", "minutes"), [(1, 1), (60_000, 1), (60_001, 2), (90_001, 2), (120_000, 2)])
def test_minutes_are_rounded_up(left_ms: int, minutes: int) -> None:
    """Ours: a policy that allows at most so many is not passed by a second more."""
    child = replace(child_of("clock/now read"), expires_ms=NOW_MS + left_ms)
    question = delegation_question(linked(ROOT, GATEWAY), child, "bearer", [], NOW_MS)
    assert question.delegated.minutes == minutes


@promise("P4", "P7")
@pytest.mark.parametrize(
    ("entry", "servers"),
    [
        ("clock/now read", {"clock"}),
        ("*/now read", {"clock", "watch"}),
        ("*/* read", {"clock", "watch", "mail"}),
        ("w*/* read", {"watch"}),
        ("unseen/* read", {"unseen"}),
        ("clock/prompt:* read", {"clock"}),
        ("*/prompt:* read", {"mail"}),
    ],
)
def test_a_pattern_hides_no_server_from_a_policy(entry: str, servers: set[str]) -> None:
    """Ours: what a pattern stands for is told by name, and a name is told whether or not anything is pinned there."""
    items: list[PinnedItem] = [
        TOOL,
        a_tool(server="watch"),
        a_tool(server="mail", name="send"),
        a_prompt(server="mail"),
    ]
    question = delegation_question(linked(ROOT, GATEWAY), child_of(entry), "bearer", items, NOW_MS)
    assert question.delegated.servers == frozenset(servers)


@promise("P3")
def test_what_is_pinned_after_the_grant_is_in_no_pattern_of_it() -> None:
    """Design 5.6: patterns are closed at granting."""
    late = a_tool(server="late", pin_serial=99)
    question = delegation_question(linked(ROOT, GATEWAY), child_of("*/* read"), "bearer", [TOOL, late], NOW_MS)
    assert question.delegated.servers == frozenset({"clock"})


MAILER = a_tool(server="mail", name="send", effect=Effect.SEND)
OWNERS, WORKERS = Because(text="the owner's", by=Author.OWNER), Because(text="the worker's", by=Author.AGENT)
SENDS = "mail/send send"


def link(depth: int, rights: Rights) -> Grant:
    return a_grant(id=f"g-{depth + 1}", agent=f"agent-{depth}", depth=depth, rights=rights)


@promise("P6")
@pytest.mark.parametrize(
    ("said", "links", "found"),
    [
        pytest.param(None, [authority(SENDS)], None, id="nobody says why"),
        pytest.param(None, [authority(SENDS, because=OWNERS)], OWNERS, id="the entry says it"),
        pytest.param(
            "now", [authority(SENDS, because=OWNERS)], Because(text="now", by=Author.AGENT), id="the agent's own first"
        ),
        pytest.param(None, [authority(SENDS, because=OWNERS), authority(SENDS)], OWNERS, id="handed on with the task"),
        pytest.param(
            None,
            [authority(SENDS, because=OWNERS), authority(SENDS, because=WORKERS)],
            WORKERS,
            id="said anew by who hands on",
        ),
        pytest.param(None, [authority("mail/* send", because=OWNERS)], None, id="a pattern that names no send"),
        pytest.param(None, [authority("mail/send write", because=OWNERS)], None, id="another effect"),
        pytest.param(None, [authority("mail/other send", because=OWNERS)], None, id="another tool"),
    ],
)
def test_a_call_is_justified_by_its_agent_or_by_the_entry_that_names_it(
    said: str | None, links: list[Rights], found: Because | None
) -> None:
    """Issue 7: `_meta`, else the one that the grant's entry for this tool carries; who wrote it is told."""
    chain = linked(*(link(depth, rights) for depth, rights in enumerate(links)))
    assert find_justification(a_call({}, None, said), chain, MAILER) == found


@promise("P6")
def test_the_entry_that_justifies_is_one_whose_constraints_the_call_keeps() -> None:
    """Ours: a reason that was given for one recipient is none for another."""
    entry = Entry(
        pattern="mail/send",
        effects=frozenset({Effect.SEND}),
        arguments=parse_arguments({"/to": {"exact": "a@a.example"}}, "/arguments"),
        because=OWNERS,
    )
    chain = linked(link(0, Rights(entries=(entry, *authority(SENDS).entries), pin_serial=7)))
    assert find_justification(a_call({"to": "a@a.example"}), chain, MAILER) == OWNERS
    assert find_justification(a_call({"to": "b@a.example"}), chain, MAILER) is None


@promise("P6")
def test_a_policy_is_told_who_justified_a_call_and_in_how_many_bytes() -> None:
    """Issue 7: the text is never trusted, so no policy reads it. An intent names the call, or not."""
    grant = a_grant(rights=authority(SENDS, "clock/* read"))
    for tool, covers, justified in ((MAILER, True, True), (MAILER, False, True), (a_tool(server="x"), False, False)):
        base = call_question(
            a_call({}, None, "fünf"),
            identified(grant),
            circumstances_of(grant),
            chain_of(grant),
            tool,
            "sha256:r",
            NOW_MS,
            covers=covers,
        ).base
        assert base is not None
        assert base.justified is justified
        assert base.justification == JustificationFacts(by="agent", size_bytes=5)
