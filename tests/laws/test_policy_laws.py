"""Laws of the decision point: asking less gives the same answer, and nothing a caller sends is an engine's error.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import cedarpy
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mediator.adapters.engine_cedar import check_policies, prepare_engine
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object, pointer_to, readable_bytes
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.schema import prepare
from mediator.policy.decision import Decision, Verdict
from mediator.policy.entities import entities_of
from mediator.policy.request import (
    BY_AGENT,
    BY_OWNER,
    AccessRequest,
    Action,
    AgentFacts,
    AskFacts,
    ItemFacts,
    JustificationFacts,
    TargetFacts,
)
from mediator.policy.schema import prepare_item, text_for_any_item
from mediator.policy.types import EVERYTHING, Array, Leaf, Record, Type
from mediator.refusal import Reason, Refused
from tests.laws.json_instances import instances
from tests.laws.random_calls import answers, is_answered, real_tools
from tests.promises import promise
from tests.unit.policy.facts import AGENT, BASE, approved, base, call, prompt, resource, tool

OPAQUE_LIST: Final = Path(__file__).parents[1] / "golden" / "opaque_pointers.json"


# --- a small world, and a naive model of it --------------------------------------------------------------------------

SCHEMA: Final[Any] = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "count": {"type": "integer"}, "free": {"type": "object"}},
    "required": ["path"],
}
ITEMS: Final = (
    tool("files/read", input_schema=SCHEMA, sensitivity=1),
    tool("files/write", input_schema=SCHEMA, effect=Effect.WRITE, targets=("/free/to",)),
    tool("mail/send", input_schema=SCHEMA, effect=Effect.SEND, domain="office", sensitivity=3),
    # Namesakes of a tool: nothing that is said of one is said of another.
    prompt("files/read", "path", sensitivity=3, domain="office"),
    resource("files/read", effect=Effect.WRITE, domain=""),
)
AGENTS: Final = (
    AGENT,
    replace(AGENT, id="planner-2", owner="bob@example.com"),
    AgentFacts(id="worker-1", owner="bob@example.com", agent_class="worker", team=""),
)


class Sight(NamedTuple):
    """What the naive model sees: the request and its item."""

    request: AccessRequest
    item: ItemFacts

    @property
    def base(self) -> Any:
        return self.request.base

    @property
    def ask(self) -> Any:
        return self.request.ask

    @property
    def args(self) -> Any:
        return self.request.arguments


@dataclass(frozen=True)
class Model:
    """A policy in Cedar without its effect, and the same in Python."""

    cedar: str
    applies: Callable[[Sight], bool]


SECRET: Final = "postgres://app:" + "Xk3pQ9vLm2@db"


def local_hour(sight: Sight) -> int:
    return int((sight.base.now_ms // 1000 + sight.base.utc_offset_seconds) // 3600 % 24)


def is_call(sight: Sight) -> bool:
    return sight.request.action is Action.CALL


def is_tool_call(sight: Sight) -> bool:
    return is_call(sight) and sight.item.kind is ItemKind.TOOL


CALL: Final = 'action in Mediator::Action::"call_tool"'
MODELS: Final = (
    Model("(principal, action, resource)", lambda _: True),
    Model(f"(principal, {CALL}, resource)", is_tool_call),
    Model('(principal, action == Mediator::Action::"list", resource)', lambda s: s.request.action is Action.LIST),
    Model(
        '(principal, action in [Mediator::Action::"get_prompt", Mediator::Action::"read_resource"], resource)',
        lambda s: is_call(s) and s.item.kind is not ItemKind.TOOL,
    ),
    Model("(principal, action, resource is Mediator::Prompt)", lambda s: s.item.kind is ItemKind.PROMPT),
    Model(
        '(principal, action, resource == Mediator::Resource::"files/read")', lambda s: s.item.kind is ItemKind.RESOURCE
    ),
    Model(
        '(principal, action == Mediator::Action::"files/prompt:read", resource) when { context.args has path }',
        lambda s: is_call(s) and s.item.kind is ItemKind.PROMPT and "path" in s.args,
    ),
    Model(
        '(principal, action == Mediator::Action::"files/resource:read", resource) '
        'when { context.args.uri like "/srv/*" }',
        lambda s: is_call(s) and s.item.kind is ItemKind.RESOURCE and s.args["uri"].startswith("/srv/"),
    ),
    Model(
        '(principal, action == Mediator::Action::"elicit", resource) '
        "when { context.ask has url && context.grant.covers }",
        lambda s: s.request.action is Action.ELICIT and s.ask.url is not None and s.base.grant.covers,
    ),
    Model(
        '(principal, action in [Mediator::Action::"sample", Mediator::Action::"list_roots"], resource) '
        "when { resource.sensitivity < 3 }",
        lambda s: s.request.action in {Action.SAMPLE, Action.LIST_ROOTS} and s.item.sensitivity < 3,
    ),
    Model(
        '(principal in Mediator::Team::"research", action, resource)', lambda s: s.request.principal.team == "research"
    ),
    Model(
        '(principal == Mediator::Agent::"planner-2", action, resource)', lambda s: s.request.principal.id == "planner-2"
    ),
    Model(
        '(principal is Mediator::Agent in Mediator::AgentClass::"worker", action, resource is Mediator::Tool)',
        lambda s: s.request.principal.agent_class == "worker" and s.item.kind is ItemKind.TOOL,
    ),
    Model(
        '(principal, action in [Mediator::Action::"effect:write", Mediator::Action::"effect:send"], resource)',
        lambda s: is_call(s) and s.item.effect in {Effect.WRITE, Effect.SEND},
    ),
    Model(
        '(principal, action in Mediator::Action::"server:mail", resource)',
        lambda s: is_call(s) and s.item.server == "mail",
    ),
    Model('(principal, action, resource in Mediator::Domain::"office")', lambda s: s.item.domain == "office"),
    Model('(principal, action, resource == Mediator::Tool::"files/read")', lambda s: s.item.key == "files/read"),
    Model(
        '(principal, action == Mediator::Action::"files/read", resource) when { context.args.path like "/srv/*" }',
        lambda s: is_call(s) and s.item.key == "files/read" and s.args["path"].startswith("/srv/"),
    ),
    Model(
        '(principal, action in [Mediator::Action::"files/write", Mediator::Action::"mail/send"], resource) '
        "unless { context.args has count && context.args.count <= 3 }",
        lambda s: is_call(s) and s.item.key in {"files/write", "mail/send"} and not s.args.get("count", 9) <= 3,
    ),
    Model(
        '(principal, action == Mediator::Action::"files/write", resource) '
        'when { context.args has free && context.args.free.keys.contains("to") }',
        lambda s: is_call(s) and s.item.key == "files/write" and "to" in s.args.get("free", {}),
    ),
    Model(
        f"(principal, {CALL}, resource) when {{ context.grant.covers }}",
        lambda s: is_tool_call(s) and s.base.grant.covers,
    ),
    Model(
        f"(principal, {CALL}, resource) unless {{ context has approval }}",
        lambda s: is_tool_call(s) and not s.base.approval,
    ),
    Model(
        f'(principal, {CALL}, resource) when {{ context.task.labels.contains("untrusted") && context.task.calls > 2 }}',
        lambda s: is_tool_call(s) and "untrusted" in s.base.task.labels and s.base.task.calls > 2,
    ),
    Model(
        f"(principal, {CALL}, resource) when {{ context.opaque.containsAny(resource.targets) }}",
        lambda s: is_tool_call(s) and s.item.targets != () and bool(s.args.get("free") or s.base.targets.unread),
    ),
    Model(
        f'(principal, {CALL}, resource) unless {{ context has justification && context.justification.by == "owner" }}',
        lambda s: is_tool_call(s) and (s.base.justification is None or s.base.justification.by != "owner"),
    ),
    Model(
        f"(principal, {CALL}, resource) unless {{ context has justification && context.justification.bytes > 3 || context.justified }}",
        lambda s: (
            is_tool_call(s)
            and not (s.base.justification is not None and s.base.justification.size_bytes > 3)
            and not s.base.justified
        ),
    ),
    Model(
        f'(principal, {CALL}, resource) when {{ context.task.novel.containsAny(["tool", "destination"]) }}',
        lambda s: is_tool_call(s) and bool(s.base.task.novel & {"tool", "destination"}),
    ),
    Model(
        f"(principal, {CALL}, resource) when {{ context.calendar.local.hour < 8 && context.calendar.utc.weekday == 4 }}",
        lambda s: (
            is_tool_call(s) and local_hour(s) < 8 and s.base.now_ms // 86_400_000 % 7 == 0
        ),  # 1970-01-01: Thursday
    ),
    Model(
        f'(principal, {CALL}, resource) unless {{ ["a.example", "disk"].containsAll(context.destination) }}',
        lambda s: is_tool_call(s) and bool((s.base.destination | s.base.targets.hosts) - {"a.example", "disk"}),
    ),
    Model(
        f'(principal, {CALL}, resource) when {{ context.targets.domains.contains("example") || context.targets.folders.contains("/srv") }}',
        lambda s: (
            is_tool_call(s)
            and (
                any(host.partition(":")[0].endswith(".example") for host in s.base.targets.hosts)
                or any(f"{path}/".startswith("/srv/") for path in s.base.targets.paths)
            )
        ),
    ),
    Model(
        f'(principal, {CALL}, resource) unless {{ context.secrets.isEmpty() || context.targets.paths.contains("/srv") }}',
        lambda s: is_tool_call(s) and SECRET in s.args["path"] and "/srv" not in s.base.targets.paths,
    ),
    Model(
        '(principal, action, resource) when { principal.owner.name == "bob@example.com" && resource.sensitivity < 3 }',
        lambda s: s.request.principal.owner == "bob@example.com" and s.item.sensitivity < 3,
    ),
    Model(
        '(principal, action, resource) when { Mediator::Agent::"worker-1" in Mediator::AgentClass::"worker" }',
        lambda s: s.request.principal.id == "worker-1",
    ),
    Model(
        '(principal, action, resource) when { action == Mediator::Action::"mail/send" || action == Mediator::Action::"list" }',
        lambda s: s.request.action is Action.LIST or (is_call(s) and s.item.key == "mail/send"),
    ),
)


class Ruled(NamedTuple):
    """A model that permits, or one that forbids."""

    forbids: bool
    model: Model


def text_of(rules: Sequence[Ruled]) -> dict[str, str]:
    return {
        f"{index}.cedar": f'@id("p{index}") @reason("r") {"forbid" if rule.forbids else "permit"} {rule.model.cedar};'
        for index, rule in enumerate(rules)
    }


rules = st.lists(st.builds(Ruled, st.booleans(), st.sampled_from(MODELS)), max_size=7)
targets = st.builds(
    TargetFacts,
    hosts=st.frozensets(st.sampled_from(["a.example", "b.a.example:8443", "local"]), max_size=2),
    paths=st.frozensets(st.sampled_from(["/srv", "/srv/a", "/etc/a", "/srvx"]), max_size=2),
    unread=st.sampled_from([frozenset(), frozenset({"/free/to"})]),
)
bases = st.builds(
    lambda covers, labels, calls, approval, justification, novel, justified, now, offset, targets: base(
        grant=replace(BASE.grant, covers=covers),
        task=replace(BASE.task, labels=labels, calls=calls, novel=novel),
        approval=approval,
        justification=justification,
        justified=justified,
        now_ms=now,
        utc_offset_seconds=offset,
        targets=targets,
        destination=frozenset({"disk"}),
    ),
    st.booleans(),
    st.sampled_from([frozenset(), frozenset({"untrusted"}), frozenset({"untrusted", "x"})]),
    st.integers(0, 5),
    st.sampled_from([None, approved()]),
    st.sampled_from(
        [None, *(JustificationFacts(by=by, size_bytes=size) for by in (BY_AGENT, BY_OWNER) for size in (3, 9))]
    ),
    st.frozensets(st.sampled_from(["tool", "server", "effect", "destination"])),
    st.booleans(),
    st.integers(0, 14 * 24).map(lambda hours: hours * 3_600_000),
    st.sampled_from([-12 * 3600, -1800, 0, 3600, 14 * 3600]),
    targets,
)
paths = st.sampled_from(["/srv/a", "/etc", "", f"/srv/{SECRET}"])
arguments: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"path": paths},
    optional={"count": st.integers(0, 6), "free": st.sampled_from([{}, {"to": 1}, {"x": [2.5]}])},
)


ARGUMENTS: Final[Any] = {
    ItemKind.TOOL: arguments,
    ItemKind.PROMPT: st.fixed_dictionaries({}, optional={"path": paths}),
    ItemKind.RESOURCE: st.fixed_dictionaries({"uri": paths}),
}
HOW: Final = {Action.ELICIT: st.builds(AskFacts, mode=st.just("url"), url=st.sampled_from([None, "https://a.example"]))}


@st.composite
def requests(draw: st.DrawFn) -> AccessRequest:
    subject = draw(st.sampled_from(ITEMS))
    action = draw(st.sampled_from([*Action, *[Action.CALL] * 5]))
    return AccessRequest(
        principal=draw(st.sampled_from(AGENTS)),
        action=action,
        kind=subject.kind,
        server=subject.server,
        name=subject.name,
        base=None if action is Action.LIST else draw(bases),
        arguments=draw(ARGUMENTS[subject.kind]) if action is Action.CALL else None,
        ask=draw(HOW[action]) if action in HOW else None,
    )


def item_of(request: AccessRequest) -> ItemFacts:
    return next(facts for facts in ITEMS if facts.key == request.key)


def counts(rule: Ruled, request: AccessRequest) -> bool:
    """What a server asks is permitted by name alone: leave for any action is none."""
    return rule.forbids or not request.action.is_ask or ", action, " not in rule.model.cedar


def naively(policies: Sequence[Ruled], request: AccessRequest) -> tuple[Verdict, tuple[str, ...]]:
    """Deny overrides, in five lines: what forbids outweighs, silence denies."""
    sight = Sight(request, item_of(request))
    applying = [
        (f"p{index}", rule.forbids)
        for index, rule in enumerate(policies)
        if counts(rule, request) and rule.model.applies(sight)
    ]
    forbidding = tuple(name for name, forbids in applying if forbids)
    permitting = tuple(name for name, forbids in applying if not forbids)
    return (Verdict.ALLOW, permitting) if permitting and not forbidding else (Verdict.DENY, forbidding)


def unsliced(policies: Sequence[Ruled], request: AccessRequest) -> tuple[Verdict, tuple[str, ...]]:
    """Cedar, asked with the whole set and the whole context, under the whole schema; nothing is remembered."""
    schema = prepare_item(item_of(request))
    action = schema.action(request.action)
    entities = canonical_bytes(entities_of(request.principal, action, schema.item)).decode()
    context: JsonObject = {}
    if request.action is Action.CALL and request.base is not None:
        context = schema.reader(EVERYTHING)(request.base, request.arguments or {}).attributes
    elif request.base is not None:
        context = schema.ask_reader(EVERYTHING)(request.base, request.ask)
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": "Mediator::Agent", "id": request.principal.id},
            "action": action.uid._asdict(),
            "resource": schema.resource().uid._asdict(),
            "context": canonical_bytes(context).decode(),
        },
        "\n".join(
            text for text, rule in zip(text_of(policies).values(), policies, strict=True) if counts(rule, request)
        ),
        cedarpy.Entities.from_json_str(entities),
        text_for_any_item((), ()) if request.action.is_ask else schema.text(),
    )
    assert not answer.diagnostics.errors
    names = answer.diagnostics.id_annotations_by_reason.values()
    return Verdict.ALLOW if answer.allowed else Verdict.DENY, tuple(sorted(names))


def told(decision: Decision) -> tuple[Verdict, tuple[str, ...]]:
    assert decision.reason is not Reason.POLICY_ERROR
    return decision.verdict, decision.determining


@promise("P8")
@given(rules, st.lists(requests(), min_size=1, max_size=6))
def test_asking_less_gives_the_same_answer(policies: list[Ruled], asked: list[AccessRequest]) -> None:
    """Ours (design 5.5; house style law 7): sliced, projected and remembered is unsliced, whole and asked anew,

    and both are what a naive model says. Several requests share one engine, so that what is remembered is tested.
    """
    engine = prepare_engine(text_of(policies), ITEMS)
    for request in asked + asked[::-1]:
        assert told(engine.evaluate(request)) == unsliced(policies, request) == naively(policies, request)


@promise("P4")
@given(rules, st.integers(0, 6), st.sampled_from(MODELS), requests())
def test_one_permit_less_or_one_forbid_more_never_allows(
    policies: list[Ruled], dropped: int, added: Model, request: AccessRequest
) -> None:
    """Ours (house style law 2), of sets that evaluate without error."""
    before = prepare_engine(text_of(policies), ITEMS).evaluate(request)
    assume(before.verdict is Verdict.DENY)
    fewer = [rule for index, rule in enumerate(policies) if rule.forbids or index != dropped]
    for changed in (fewer, [*policies, Ruled(forbids=True, model=added)]):
        assert prepare_engine(text_of(changed), ITEMS).evaluate(request).verdict is Verdict.DENY


WAYS: Final[dict[Reason, list[dict[str, Any]]]] = {
    Reason.JUSTIFICATION_REQUIRED: [
        {"justification": JustificationFacts(by=by, size_bytes=500)} for by in (BY_AGENT, BY_OWNER)
    ],
    Reason.APPROVAL_REQUIRED: [{"approval": approved()}],
}
"""What a caller could add to a denied call, by the reason that says so."""


@promise("P6", "P11")
@given(rules, requests())
def test_what_would_turn_a_denial_is_said_and_nothing_that_would_not(
    policies: list[Ruled], request: AccessRequest
) -> None:
    """Ours (design 4): the remedy is neither a false promise nor kept back; of two it is the one that comes first."""
    engine = prepare_engine(text_of(policies), ITEMS)
    found = engine.evaluate(request)
    before = request.base
    if before is None or request.action is not Action.CALL or found.verdict is Verdict.ALLOW:
        assert found.reason not in WAYS
        return

    known = before

    def turns(*added: dict[str, Any]) -> bool:
        facts = {name: fact for one in added for name, fact in one.items()}
        is_new = all(getattr(known, name) is None or name == "justification" for name in facts)
        changed = replace(request, base=replace(known, **facts))
        return is_new and engine.evaluate(changed).verdict is Verdict.ALLOW

    why, approval = WAYS.values()
    alone = [reason for reason, ways in WAYS.items() if any(turns(way) for way in ways)]
    together = [Reason.JUSTIFICATION_REQUIRED] if any(turns(one, *approval) for one in why) else []
    assert found.reason is next(iter([*alone, *together]), Reason.DENIED_BY_POLICY)


# --- real tools ------------------------------------------------------------------------------------------------------


def seeing_all(facts: ItemFacts, index: int) -> str:
    scope = f"(principal, action == Mediator::Action::{json.dumps(facts.key)}, resource)"
    return f'@id("all-{index}") @reason("r") permit {scope} when {{ context.args == context.args }};'


@pytest.mark.corpus
def test_the_schema_of_every_real_tool_validates() -> None:
    """Ours: 216 definitions of 16 published servers, a policy over the whole of each one's arguments."""
    tools = real_tools()
    assert len(tools) == 216
    assert len({facts.key for facts in tools}) == 216
    texts = {f"{index:03}": seeing_all(facts, index) for index, facts in enumerate(tools)}
    assert check_policies(texts, tools) == []


@pytest.mark.corpus
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_arguments_that_fit_a_real_schema_are_never_an_error_of_the_engine(data: st.DataObject) -> None:
    """Ours (design 5.5): whatever fits the pinned schema has an answer, though a policy looks at all of it.

    The one refusal of what fits is an integer beyond 2^53-1, and the caller is told how to send it.
    """
    tools = real_tools()
    facts = data.draw(st.sampled_from(tools), label="tool")
    drawn = data.draw(instances(facts.input_schema, facts.input_schema), label="arguments")
    sent = parse_object(canonical_bytes(drawn))
    try:
        prepare(facts.input_schema, None, frozenset()).check_arguments(sent)
    except Refused:
        assume(False)
    engine = prepare_engine({"a": seeing_all(facts, 0)}, [facts])
    assert_answered(engine.evaluate(call(facts.key, arguments=sent)))


def assert_answered(found: Decision) -> None:
    if found.reason is Reason.ARGUMENTS_INVALID:
        assert found.remedy == "send it as a string"
    else:
        assert found.verdict is Verdict.ALLOW


CALLS_OF_EACH: Final = 25  # `make random-calls` asks 10,000


@promise("P7")
@pytest.mark.corpus
def test_random_calls_of_every_real_tool_are_answered() -> None:
    """Issue 7, Must show 1: each of the 216 tools, the same calls each time."""
    for facts in real_tools():
        for sent, decision in answers(facts, CALLS_OF_EACH):
            assert is_answered(decision), (facts.key, sent)


def pointers_of(kind: Type, pointer: str = "") -> Iterator[str]:
    """Yield where a type is opaque: `*` stands for the index in an array."""
    match kind:
        case Leaf.OPAQUE:
            yield pointer or "/"
        case Array(items=items):
            yield from pointers_of(items, f"{pointer}/*")
        case Record(members=members):
            for name, member in members.items():
                yield from pointers_of(member.type, pointer + pointer_to(name))
        case _:
            pass


@pytest.mark.corpus
def test_the_list_of_what_policy_cannot_see_into_is_what_the_schemas_come_to() -> None:
    """Issue 7, Must show 1: every opaque pointer of the 216 tools, by tool; renewed as the golden records are."""
    found: JsonObject = {}
    for facts in real_tools():
        pointers: list[Json] = [*pointers_of(prepare_item(facts).arguments)]
        if pointers:
            found[facts.key] = pointers
    if os.environ.get("RENEW_GOLDEN") == "1":
        OPAQUE_LIST.write_bytes(readable_bytes(found))
    assert parse_object(OPAQUE_LIST.read_bytes()) == found


# --- invented tools --------------------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b"]) | st.sampled_from(["a", "b", "in", "a b", '"', "\\", "é", "", "$ref", "__entity"])
plain_kinds = st.sampled_from(["string", "integer", "number", "boolean"])
kinds = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
scalar_schemas: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda kind: {"type": kind}, plain_kinds),
    st.builds(lambda kind: {"type": [kind, "null"]}, plain_kinds),
    st.builds(lambda kind: {"type": kind}, kinds),
    st.builds(lambda both: {"type": both}, st.lists(kinds, min_size=1, max_size=2, unique=True)),
    st.builds(
        lambda values: {"enum": values}, st.lists(st.sampled_from(["a", 1, 2.5, None, True, {}, []]), min_size=1)
    ),
    st.builds(lambda name: {"$ref": f"#/$defs/{name}"}, st.sampled_from(["one", "two"])),
    st.sampled_from([{}, True, {"const": "a"}, {"not": {"type": "string"}}]),
)


def _wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.fixed_dictionaries(
        {"properties": st.dictionaries(names, inner, max_size=3)},
        optional={
            "type": st.just("object"),
            "required": st.lists(names, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
        },
    )
    several = st.lists(inner | objects, min_size=1, max_size=3)
    return st.one_of(
        objects,
        objects,
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries({"allOf": several}),
        st.fixed_dictionaries({"anyOf": several}, optional={"type": kinds}),
        st.fixed_dictionaries({"oneOf": several}),
        st.builds(lambda one, other: one | other if isinstance(one, dict) else other, objects, objects),
    )


schemas: st.SearchStrategy[Any] = st.recursive(scalar_schemas, _wider, max_leaves=8)
argument_schemas: st.SearchStrategy[Any] = st.builds(
    lambda properties, one, two, more: {
        "type": "object",
        "properties": properties,
        "$defs": {"one": one, "two": two},
        **more,
    },
    st.dictionaries(names, schemas, max_size=3),
    schemas,
    schemas,
    st.fixed_dictionaries({}, optional={"required": st.lists(names, max_size=2, unique=True)}),
)


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_arguments_that_fit_an_invented_schema_are_never_an_error_of_the_engine(data: st.DataObject) -> None:
    """Ours: the same for schemas that nobody would write, so that every rule of the table meets every other."""
    schema = data.draw(argument_schemas, label="schema")
    try:
        prepared = prepare(schema, None, frozenset())
    except Refused:
        assume(False)
    drawn = data.draw(instances(schema, schema), label="arguments")
    sent = parse_object(canonical_bytes(drawn))
    try:
        prepared.check_arguments(sent)
    except Refused:
        assume(False)
    facts = tool("files/read", input_schema=schema)
    engine = prepare_engine({"a": seeing_all(facts, 0)}, [facts])
    assert_answered(engine.evaluate(call(arguments=sent)))
