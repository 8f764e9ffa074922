"""The base context: what every policy may read about the circumstances of a call, whatever the item.

A table of attributes, each with its type and with how it is read from the facts; the rest of the room is made from it.
Booleans, longs, strings and small sets of strings only, since anything else costs the engine ten times as much. Times
are longs in milliseconds.

Two attributes are not read but computed here, so that no policy can forget to:

- An approval of another request is none. `context has approval` means: a human approved exactly this request.
- A declared target that lies within an opaque part, or holds one, is itself listed in `opaque`.

Where a server asks for something in the course of a call, no arguments are read, so what reading them would bring to
light is not there at all: an empty set would look like a guard, and never fire. The pin is `resource.digest`.

A delegation has a context of its own, `DELEGATION`: of the grant that is handed on from what a policy may know, and what
the receiver would get.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.policy.calendar import PARTS, part_of
from mediator.policy.reach import destination_of, domains_of, folders_of
from mediator.policy.request import (
    Action,
    ApprovalFacts,
    AskFacts,
    BaseFacts,
    DelegationRequest,
    ItemFacts,
    JustificationFacts,
)
from mediator.policy.types import Leaf, Member, Path, Paths, Record, Type, below


def _reader_of_time(zone: str, part: str) -> Callable[[BaseFacts], Json]:
    if zone == "utc":
        return lambda base: part_of(part, base.now_ms, 0)
    return lambda base: part_of(part, base.now_ms, base.utc_offset_seconds)


_READ: Final[Mapping[Path, tuple[Leaf, Callable[[BaseFacts], Json]]]] = {
    ("chain", "depth"): (Leaf.LONG, lambda base: base.chain.depth),
    ("chain", "root"): (Leaf.STRING, lambda base: base.chain.root),
    ("chain", "members"): (Leaf.STRINGS, lambda base: _sorted(base.chain.members)),
    ("chain", "connectors"): (Leaf.STRINGS, lambda base: _sorted(base.chain.connectors)),
    ("grant", "id"): (Leaf.STRING, lambda base: base.grant.id),
    ("grant", "covers"): (Leaf.BOOL, lambda base: base.grant.covers),
    ("grant", "purpose"): (Leaf.STRING, lambda base: base.grant.purpose),
    ("grant", "expires"): (Leaf.LONG, lambda base: base.grant.expires_ms),
    ("task", "id"): (Leaf.STRING, lambda base: base.task.id),
    ("task", "labels"): (Leaf.STRINGS, lambda base: _sorted(base.task.labels)),
    ("task", "calls"): (Leaf.LONG, lambda base: base.task.calls),
    ("task", "denials"): (Leaf.LONG, lambda base: base.task.denials),
    ("task", "age"): (Leaf.LONG, lambda base: base.task.age_ms),
    ("task", "novel"): (Leaf.STRINGS, lambda base: _sorted(base.task.novel)),
    ("destination",): (Leaf.STRINGS, lambda base: _sorted(destination_of(base))),
    ("targets", "domains"): (Leaf.STRINGS, lambda base: _sorted(domains_of(destination_of(base)))),
    ("targets", "paths"): (Leaf.STRINGS, lambda base: _sorted(base.targets.paths)),
    ("targets", "folders"): (Leaf.STRINGS, lambda base: _sorted(folders_of(base.targets.paths))),
    ("proof",): (Leaf.STRING, lambda base: base.proof),
    ("justified",): (Leaf.BOOL, lambda base: base.justified),
    ("now",): (Leaf.LONG, lambda base: base.now_ms),
    ("protocol",): (Leaf.STRING, lambda base: base.protocol),
    ("method",): (Leaf.STRING, lambda base: base.method),
    ("request_hash",): (Leaf.STRING, lambda base: base.request_hash),
    ("provenance",): (Leaf.STRINGS, lambda base: _sorted(base.provenance)),
    **{
        ("calendar", zone, part): (Leaf.LONG, _reader_of_time(zone, part))
        for zone in ("utc", "local")
        for part in PARTS
    },
}
_APPROVAL: Final[Mapping[str, tuple[Leaf, Callable[[ApprovalFacts], Json]]]] = {
    "approver": (Leaf.STRING, lambda approval: approval.approver),
    "at": (Leaf.LONG, lambda approval: approval.at_ms),
    "request_hash": (Leaf.STRING, lambda approval: approval.request_hash),
}
_JUSTIFICATION: Final[Mapping[str, tuple[Leaf, Callable[[JustificationFacts], Json]]]] = {
    "by": (Leaf.STRING, lambda justification: justification.by),
    "bytes": (Leaf.LONG, lambda justification: justification.size_bytes),
}
_READ_OF_DELEGATION: Final[Mapping[Path, tuple[Leaf, Callable[[DelegationRequest], Json]]]] = {
    ("chain", "depth"): (Leaf.LONG, lambda asked: asked.chain.depth),
    ("chain", "root"): (Leaf.STRING, lambda asked: asked.chain.root),
    ("chain", "members"): (Leaf.STRINGS, lambda asked: _sorted(asked.chain.members)),
    ("chain", "connectors"): (Leaf.STRINGS, lambda asked: _sorted(asked.chain.connectors)),
    ("grant", "id"): (Leaf.STRING, lambda asked: asked.grant_id),
    ("grant", "purpose"): (Leaf.STRING, lambda asked: asked.purpose),
    ("grant", "expires"): (Leaf.LONG, lambda asked: asked.expires_ms),
    ("delegated", "effects"): (Leaf.STRINGS, lambda asked: _sorted(frozenset(map(str, asked.delegated.effects)))),
    ("delegated", "servers"): (Leaf.STRINGS, lambda asked: _sorted(asked.delegated.servers)),
    ("delegated", "depth"): (Leaf.LONG, lambda asked: asked.delegated.depth),
    ("delegated", "max_depth"): (Leaf.LONG, lambda asked: asked.delegated.max_depth),
    ("delegated", "minutes"): (Leaf.LONG, lambda asked: asked.delegated.minutes),
    ("delegated", "max_calls"): (Leaf.LONG, lambda asked: asked.delegated.max_calls),
    ("delegated", "is_connector"): (Leaf.BOOL, lambda asked: asked.delegated.is_connector),
    ("now",): (Leaf.LONG, lambda asked: asked.now_ms),
    ("proof",): (Leaf.STRING, lambda asked: asked.proof),
}
_OPTIONAL: Final = frozenset({("delegated", "max_calls"), ("approval",), ("justification",)})
# What no fact holds: the item's pin, and what reading the arguments brought to light.
_COMPUTED: Final[Mapping[str, Leaf]] = {
    "pin": Leaf.STRING,
    "opaque": Leaf.STRINGS,
    "nulls": Leaf.STRINGS,
    "secrets": Leaf.STRINGS,
}


def _record_of(leaves: Mapping[Path, Leaf], above: Path = ()) -> Record:
    """Return the record of these paths; they stand beneath what is `above`."""
    members: dict[str, Member] = {}
    for name in dict.fromkeys(path[0] for path in leaves):
        inner = {path[1:]: leaf for path, leaf in leaves.items() if path[0] == name}
        kind = inner.get(()) or _record_of(inner, (*above, name))
        members[name] = Member(type=kind, required=(*above, name) not in _OPTIONAL)
    return Record(members=members if above else dict(sorted(members.items())))


def _record_of_base() -> Record:
    leaves = {path: leaf for path, (leaf, _) in _READ.items()}
    for name, read in {"approval": _APPROVAL, "justification": _JUSTIFICATION}.items():
        leaves |= {(name, inner): leaf for inner, (leaf, _) in read.items()}
    return _record_of(leaves | {(name,): leaf for name, leaf in _COMPUTED.items()})


BASE: Final = _record_of_base()
"""The type of the context, without the arguments that an item's own action adds."""

DELEGATION: Final = _record_of({path: leaf for path, (leaf, _) in _READ_OF_DELEGATION.items()})
"""The type of the context of a delegation."""

_ASK: Final = Record(members={"mode": Member(type=Leaf.STRING), "url": Member(type=Leaf.STRING, required=False)})


def context_of_call(arguments: Type) -> Record:
    """Return the type of the whole context of an item's own action."""
    return Record(members={**BASE.members, "args": Member(type=arguments)})


def context_of_ask(action: Action) -> Record:
    """Return the type of the whole context of what a server asks."""
    members = {name: member for name, member in BASE.members.items() if name not in _COMPUTED}
    return Record(members={**members, "ask": Member(type=_ASK)} if action is Action.ELICIT else members)


def reader_of_base(wanted: Paths) -> Callable[[BaseFacts], JsonObject]:
    """Return a function that reads the wanted attributes, prepared once for many calls. Computed ones are not its."""
    read = [(path, get) for path, (_, get) in _READ.items() if _is_wanted(path, wanted)]
    approval = [(name, get) for name, (_, get) in _APPROVAL.items() if _is_wanted(("approval", name), wanted)]
    justification = [
        (name, get) for name, (_, get) in _JUSTIFICATION.items() if _is_wanted(("justification", name), wanted)
    ]
    wants_approval, wants_justification = bool(below(wanted, "approval")), bool(below(wanted, "justification"))

    def of(base: BaseFacts) -> JsonObject:
        context: JsonObject = {}
        for path, get in read:
            _put(context, path, get(base))
        if wants_approval and (found := approval_of_this_request(base)) is not None:
            context["approval"] = {name: get(found) for name, get in approval}
        if wants_justification and base.justification is not None:
            context["justification"] = {name: get(base.justification) for name, get in justification}
        return context

    return of


def reader_of_ask(wanted: Paths) -> Callable[[AskFacts], JsonObject]:
    """Return a function that reads the wanted attributes of how a server asks."""
    wants_mode, wants_url = _is_wanted(("ask", "mode"), wanted), _is_wanted(("ask", "url"), wanted)

    def of(ask: AskFacts) -> JsonObject:
        mode: JsonObject = {"mode": ask.mode} if wants_mode else {}
        return mode | ({"url": ask.url} if wants_url and ask.url is not None else {})

    return of


def read_delegation(request: DelegationRequest) -> JsonObject:
    """Return the context of a delegation, the whole of it, as `DELEGATION` declares it."""
    context: JsonObject = {}
    for path, (_, get) in _READ_OF_DELEGATION.items():
        if (value := get(request)) is not None:
            _put(context, path, value)
    return context


def approval_of_this_request(base: BaseFacts) -> ApprovalFacts | None:
    """Return the approval if it is of exactly this request; one of any other request is none."""
    if base.approval is None or base.approval.request_hash != base.request_hash:
        return None
    return base.approval


def opaque_with_targets(opaque: Iterable[str], item: ItemFacts) -> frozenset[str]:
    """Return the opaque pointers and, with them, each declared target that is one, lies in one, or holds one."""
    found = frozenset(opaque)
    return found | {target for target in item.targets for pointer in found if _overlap(target, pointer)}


def _overlap(one: str, other: str) -> bool:
    return (one + "/").startswith(other + "/") or (other + "/").startswith(one + "/")


def _put(context: JsonObject, path: Path, value: Json) -> None:
    for name in path[:-1]:
        inner = context.setdefault(name, {})
        assert isinstance(inner, dict)
        context = inner
    context[path[-1]] = value


def _is_wanted(path: Path, wanted: Paths) -> bool:
    for name in path:
        wanted = below(wanted, name)
    return bool(wanted)


def _sorted(words: frozenset[str]) -> Json:
    return [*sorted(words)]
