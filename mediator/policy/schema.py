"""The small Cedar schema of one pinned item, and the context of one call of it, or of what its server asks meanwhile.

`ItemSchema` is an item prepared: the type of its arguments, its place among actions and entities, its schema's text for
any choice of wanted attributes, and readers that turn a call into exactly what that text declares. Knows the engine's
words and not the engine. One schema to each item, since one for ten thousand takes sixteen seconds to validate.

Each kind has an entity type and a group of actions of its own; effects, servers and domains are groups of all kinds.
A delegation is of no item: the schema that it is asked under is the same for all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, assert_never, final

from mediator.canonical import JsonObject
from mediator.kind import ItemKind
from mediator.policy.approving import APPROVAL, APPROVE, OPERATOR_TYPE, ROLE_TYPE
from mediator.policy.arguments import Findings, reader_of
from mediator.policy.context import (
    BASE,
    DELEGATION,
    context_of_ask,
    context_of_call,
    opaque_with_targets,
    reader_of_ask,
    reader_of_base,
)
from mediator.policy.credentials import find_credentials
from mediator.policy.entities import ITEM_TYPES, item_entity
from mediator.policy.policy import Uid
from mediator.policy.projection import ACTION_TYPE
from mediator.policy.request import (
    CALL_GROUPS,
    DELEGATE,
    KIND_PREFIXES,
    Action,
    AskFacts,
    BaseFacts,
    ItemFacts,
)
from mediator.policy.shape import type_of_arguments
from mediator.policy.slicing import Entity
from mediator.policy.types import EVERYTHING, Paths, Record, Type, below, pruned, quoted, text_of

ANY_ITEM: Final[Mapping[ItemKind, str]] = MappingProxyType({kind: f"any-{kind}" for kind in ItemKind})
"""What stands for every item of a kind in validation; no policy can name it."""

_SERVER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)  # a local name: the item's action stays unambiguous
_ENTITIES: Final = f"""\
  entity User {{ name: String }};
  entity {ROLE_TYPE};
  entity {OPERATOR_TYPE} in [{ROLE_TYPE}] {{ name: String }};
  entity AgentClass;
  entity Team;
  entity Agent in [AgentClass, Team] {{ owner: User }};
  entity Domain;
  entity Server in [Domain];
  entity Tool, Prompt, Resource in [Server, Domain] {{
    server: String, name: String, domain: String, effect: String, sensitivity: Long, reads_from: Set<String>,
    sends_to: Set<String>, result_labels: Set<String>, targets: Set<String>, digest: String
  }};"""


class CallContext(NamedTuple):
    """The wanted attributes of one call, and the pointers in it that no policy can see into."""

    attributes: JsonObject
    opaque: frozenset[str]
    secrets: tuple[str, ...] = ()


ContextReader: TypeAlias = Callable[[BaseFacts, JsonObject], CallContext]
AskReader: TypeAlias = Callable[[BaseFacts, AskFacts | None], JsonObject]


@final
@dataclass(frozen=True, slots=True)
class ItemSchema:
    """One item, prepared for policies."""

    item: ItemFacts
    arguments: Type
    context: Record

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of actions that the item's own action is in."""
        item = self.item
        domains = (f"domain:{item.domain}",) if item.domain else ()
        return (CALL_GROUPS[item.kind], f"effect:{item.effect}", f"server:{item.server}", *domains)

    def text(self, others: Iterable[str] = ()) -> str:
        """Return the schema to validate policies against; `others` are actions that they name beside the item's own."""
        kind = ITEM_TYPES[self.item.kind]
        return _schema_text([_Applied(self.item.key, self.groups, (kind,), self.context), _LISTED], others)

    def question_text(self, action: Action, wanted: Paths = EVERYTHING) -> str:
        """Return the schema to ask with: of the context, what is wanted; of all else, the names alone."""
        kind = ITEM_TYPES[self.item.kind]
        asked = _Applied(self.action(action).uid.id, (), (kind,), self.question_context(action, wanted))
        return f"namespace Mediator {{ entity Agent; entity {kind}; action {quoted(asked.action)} {_application(asked)}; }}\n"

    def question_context(self, action: Action, wanted: Paths = EVERYTHING) -> Record:
        """Return the type of the context that `question_text` declares."""
        return pruned(self._context_of(action), wanted)

    def _context_of(self, action: Action) -> Record:
        match action:
            case Action.CALL:
                return self.context
            case Action.LIST:
                return _LISTED.context
            case Action.ELICIT | Action.SAMPLE | Action.LIST_ROOTS:
                return context_of_ask(action)
            case _:
                assert_never(action)

    def reader(self, wanted: Paths = EVERYTHING) -> ContextReader:
        """Return the function that reads a call's context, exactly as `question_text` of the same paths declares it.

        What it returns raises `Refused` (`ARGUMENTS_INVALID`) for arguments that do not fit the pinned schema.
        """
        item, read_base = self.item, reader_of_base(wanted)
        wants_args, wants_pin, wants_opaque, wants_nulls, wants_secrets = (
            bool(below(wanted, name)) for name in ("args", "pin", "opaque", "nulls", "secrets")
        )
        read_arguments = reader_of(self.arguments, below(wanted, "args"))

        def read(base: BaseFacts, arguments: JsonObject) -> CallContext:
            findings = Findings()
            args = read_arguments(arguments, (), findings)
            hidden = [*findings.opaque, *base.targets.unread]
            opaque = opaque_with_targets(hidden, item) if hidden else frozenset()
            context = read_base(base)
            if wants_args:
                context["args"] = args
            if wants_pin:
                context["pin"] = item.digest
            if wants_opaque:
                context["opaque"] = [*sorted(opaque)]
            if wants_nulls:
                context["nulls"] = [*findings.nulls]
            secrets: tuple[str, ...] = ()
            if wants_secrets:
                secrets = find_credentials(arguments)
                context["secrets"] = [*secrets]
            return CallContext(context, opaque, secrets)

        return read

    @staticmethod
    def ask_reader(wanted: Paths = EVERYTHING) -> AskReader:
        """Return the function that reads the context of what a server asks, likewise; it is the same for all items."""
        read_base, read_ask, wants_ask = reader_of_base(wanted), reader_of_ask(wanted), bool(below(wanted, "ask"))

        def read(base: BaseFacts, ask: AskFacts | None) -> JsonObject:
            context = read_base(base)
            if wants_ask and ask is not None:
                context["ask"] = read_ask(ask)
            return context

        return read

    def action(self, action: Action) -> Entity:
        """Return the item's own action with the groups that it is in, or an action that all items share."""
        if action is not Action.CALL:
            return Entity(uid=Uid(ACTION_TYPE, action.value), within=frozenset())
        groups = frozenset(Uid(ACTION_TYPE, group) for group in self.groups)
        return Entity(uid=Uid(ACTION_TYPE, self.item.key), within=groups)

    def resource(self) -> Entity:
        """Return the item in its server in its domain."""
        return item_entity(self.item)


def prepare_item(item: ItemFacts) -> ItemSchema:
    """Return the item, prepared.

    Raises `ValueError` if its server's name is no local name, or a tool's begins as other kinds do: its actions could
    not be told from groups, or from theirs.
    """
    is_ambiguous = item.kind is ItemKind.TOOL and item.name.startswith(KIND_PREFIXES)
    if not _SERVER.fullmatch(item.server) or not item.name or is_ambiguous:
        message = (
            f"`{item.key}` is no name of a {item.kind}: `server/{item.kind}`, with a local server name, was expected"
        )
        raise ValueError(message)
    arguments = type_of_arguments(item.input_schema)
    return ItemSchema(item, arguments, context_of_call(arguments))


def prepare_items(items: Iterable[ItemFacts]) -> dict[str, ItemSchema]:
    """Return the items, prepared, by the name of their own action.

    Raises `ValueError`, as `prepare_item` does, and if one stands twice.
    """
    schemas: dict[str, ItemSchema] = {}
    for item in items:
        if item.key in schemas:
            message = f"the {item.kind} `{item.key}` stands twice"
            raise ValueError(message)
        schemas[item.key] = prepare_item(item)
    return schemas


def text_for_any_item(groups: Iterable[str], others: Iterable[str]) -> str:
    """Return a schema that stands for all items, of every kind, each in all of these groups; and for what is asked."""
    shared = tuple(groups)
    items = [_Applied(ANY_ITEM[kind], (CALL_GROUPS[kind], *shared), (ITEM_TYPES[kind],), BASE) for kind in ItemKind]
    asks = [_Applied(action, (), _ANY_TYPE, context_of_ask(action)) for action in Action if action.is_ask]
    return _schema_text([*items, *asks, _LISTED], others)


def text_for_delegation(others: Iterable[str] = ()) -> str:
    """Return the schema of a delegation, to validate policies against and to ask with."""
    return _schema_text([_Applied(DELEGATE, (), ("Agent",), DELEGATION)], others)


def text_for_approval(others: Iterable[str] = ()) -> str:
    """Return the schema of an approval, likewise; it is the same for all items."""
    return _schema_text([_Applied(APPROVE, (), _ANY_TYPE, APPROVAL, OPERATOR_TYPE)], others)


class _Applied(NamedTuple):
    """An action that may be asked about: the groups that it is in, and who does it to what, with which context."""

    action: str
    groups: tuple[str, ...]
    types: tuple[str, ...]
    context: Record
    principal: str = "Agent"


_ANY_TYPE: Final = tuple(ITEM_TYPES.values())
_LISTED: Final = _Applied(Action.LIST, (), _ANY_TYPE, Record(members={}))


def _schema_text(applied: Iterable[_Applied], others: Iterable[str]) -> str:
    """Return a schema with these actions, and with others that are only known by name."""
    all_applied = tuple(applied)
    groups = {group for one in all_applied for group in one.groups}
    known = sorted({*CALL_GROUPS.values(), *groups, *others} - {one.action for one in all_applied})
    lines = [
        "namespace Mediator {",
        _ENTITIES,
        *(f"  action {quoted(name)};" for name in known),
        *(f"  action {quoted(one.action)}{_membership(one)} {_application(one)};" for one in all_applied),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _membership(applied: _Applied) -> str:
    return f" in [{', '.join(map(quoted, applied.groups))}]" if applied.groups else ""


def _application(applied: _Applied) -> str:
    types = ", ".join(applied.types)
    return f"appliesTo {{ principal: [{applied.principal}], resource: [{types}], context: {text_of(applied.context)} }}"
