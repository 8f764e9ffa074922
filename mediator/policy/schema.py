"""The small Cedar schema of one pinned tool, and the context of one call of it.

`ToolSchema` is a tool prepared: the type of its arguments, its place among actions and entities, its schema's text for
any choice of wanted attributes, and readers that turn a call into exactly what that text declares. Knows the engine's
words and not the engine. One schema to each tool, since one for ten thousand takes sixteen seconds to validate.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, final

from mediator.canonical import Json, JsonObject
from mediator.policy.arguments import Findings, reader_of
from mediator.policy.context import context_of_call, opaque_with_targets, reader_of_base
from mediator.policy.policy import Uid
from mediator.policy.projection import ACTION_TYPE
from mediator.policy.request import AgentFacts, BaseFacts, ToolFacts
from mediator.policy.shape import type_of_arguments
from mediator.policy.slicing import Entity
from mediator.policy.types import EVERYTHING, Paths, Record, Type, below, pruned, quoted, text_of

LIST_ACTION: Final = "list"
CALL_GROUP: Final = "call_tool"

_SERVER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)  # a local name: the tool's action stays unambiguous
_ENTITIES: Final = """\
  entity User { name: String };
  entity AgentClass;
  entity Team;
  entity Agent in [AgentClass, Team] { owner: User };
  entity Domain;
  entity Server in [Domain];
  entity Tool in [Server, Domain] {
    server: String, name: String, domain: String, effect: String, sensitivity: Long, reads_from: Set<String>,
    sends_to: Set<String>, result_labels: Set<String>, targets: Set<String>, digest: String
  };"""


class CallContext(NamedTuple):
    """The wanted attributes of one call, and the pointers in it that no policy can see into."""

    attributes: JsonObject
    opaque: frozenset[str]


ContextReader: TypeAlias = Callable[[BaseFacts, JsonObject], CallContext]


@final
@dataclass(frozen=True, slots=True)
class ToolSchema:
    """One tool, prepared for policies."""

    tool: ToolFacts
    arguments: Type
    context: Record

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of actions that the tool's own action is in."""
        tool = self.tool
        domains = (f"domain:{tool.domain}",) if tool.domain else ()
        return (CALL_GROUP, f"effect:{tool.effect}", f"server:{tool.server}", *domains)

    def text(self, others: Iterable[str] = ()) -> str:
        """Return the schema to validate policies against; `others` are actions that they name beside the tool's own."""
        return schema_text(self.tool.key, self.groups, self.context, others)

    def question_text(self, wanted: Paths = EVERYTHING) -> str:
        """Return the schema to ask with: of the context, what is wanted; of all else, the names alone."""
        return question_text(self.tool.key, pruned(self.context, wanted))

    def reader(self, wanted: Paths = EVERYTHING) -> ContextReader:
        """Return the function that reads a call's context, exactly as `question_text` of the same paths declares it.

        What it returns raises `Refused` (`ARGUMENTS_INVALID`) for arguments that do not fit the pinned schema.
        """
        tool, read_base = self.tool, reader_of_base(wanted)
        wants_args, wants_pin, wants_opaque, wants_nulls = (
            bool(below(wanted, name)) for name in ("args", "pin", "opaque", "nulls")
        )
        read_arguments = reader_of(self.arguments, below(wanted, "args"))

        def read(base: BaseFacts, arguments: JsonObject) -> CallContext:
            findings = Findings()
            args = read_arguments(arguments, (), findings)
            opaque = opaque_with_targets(findings.opaque, tool) if findings.opaque else frozenset()
            context = read_base(base)
            if wants_args:
                context["args"] = args
            if wants_pin:
                context["pin"] = tool.digest
            if wants_opaque:
                context["opaque"] = [*sorted(opaque)]
            if wants_nulls:
                context["nulls"] = [*findings.nulls]
            return CallContext(context, opaque)

        return read

    def action(self, name: str) -> Entity:
        """Return the tool's own action, or `list`, with the groups that it is in."""
        groups = () if name == LIST_ACTION else self.groups
        return Entity(uid=Uid(ACTION_TYPE, name), within=frozenset(Uid(ACTION_TYPE, group) for group in groups))

    def resource(self) -> Entity:
        """Return the tool in its server in its domain."""
        return Entity(uid=_tool_uid(self.tool), within=frozenset({_server_uid(self.tool), *_domain_uids(self.tool)}))


def prepare_tool(tool: ToolFacts) -> ToolSchema:
    """Return the tool, prepared.

    Raises `ValueError` if its server's name is no local name: its actions could not be told from groups.
    """
    if not _SERVER.fullmatch(tool.server) or not tool.tool:
        message = f"`{tool.key}` is no name of a tool: `server/tool`, with a local server name, was expected"
        raise ValueError(message)
    arguments = type_of_arguments(tool.input_schema)
    return ToolSchema(tool, arguments, context_of_call(arguments))


def schema_text(action: str, groups: Iterable[str], context: Record, others: Iterable[str] = ()) -> str:
    """Return a schema with one action that may be asked about (and `list`), and others that are only known by name."""
    own = [group for group in groups if group != CALL_GROUP]
    known = sorted({*own, *others} - {action, CALL_GROUP, LIST_ACTION})
    lines = [
        "namespace Mediator {",
        _ENTITIES,
        f"  action {quoted(CALL_GROUP)};",
        *(f"  action {quoted(name)} in [{quoted(CALL_GROUP)}];" for name in known),
        f"  action {quoted(LIST_ACTION)} appliesTo {{ principal: [Agent], resource: [Tool], context: {{}} }};",
        f"  action {quoted(action)} in [{', '.join(map(quoted, [CALL_GROUP, *own]))}]",
        f"    appliesTo {{ principal: [Agent], resource: [Tool], context: {text_of(context)} }};",
        "}",
    ]
    return "\n".join(lines) + "\n"


def question_text(action: str, context: Record) -> str:
    """Return a schema with this action alone: what a question is held to, since validation is done with by then."""
    applies = f"appliesTo {{ principal: [Agent], resource: [Tool], context: {text_of(context)} }}"
    return f"namespace Mediator {{ entity Agent; entity Tool; action {quoted(action)} {applies}; }}\n"


def agent_entity(agent: AgentFacts) -> Entity:
    """Return the agent instance in its class and its team."""
    groups = {Uid("Mediator::AgentClass", agent.agent_class), Uid("Mediator::Team", agent.team)}
    return Entity(uid=Uid("Mediator::Agent", agent.id), within=frozenset(uid for uid in groups if uid.id))


def entities_of(agent: AgentFacts, action: Entity, tool: ToolFacts) -> list[Json]:
    """Return the entities of an evaluation, in the engine's JSON form: agent, action and tool, and what they are in."""
    owner = Uid("Mediator::User", agent.owner)
    own: JsonObject = {
        "server": tool.server,
        "name": tool.tool,
        "domain": tool.domain,
        "effect": str(tool.effect),
        "sensitivity": tool.sensitivity,
        "reads_from": [*sorted(tool.reads_from)],
        "sends_to": [*sorted(tool.sends_to)],
        "result_labels": [*sorted(tool.result_labels)],
        "targets": [*sorted(tool.targets)],
        "digest": tool.digest,
    }
    groups, domains = agent_entity(agent).within, _domain_uids(tool)
    return [
        _entity(Uid("Mediator::Agent", agent.id), {"owner": {"__entity": _uid_json(owner)}}, groups),
        _entity(owner, {"name": agent.owner}),
        _entity(action.uid, {}, action.within),
        *(_entity(group) for group in groups),
        _entity(_tool_uid(tool), own, [_server_uid(tool)]),
        _entity(_server_uid(tool), {}, domains),
        *(_entity(domain) for domain in domains),
    ]


def _tool_uid(tool: ToolFacts) -> Uid:
    return Uid("Mediator::Tool", tool.key)


def _server_uid(tool: ToolFacts) -> Uid:
    return Uid("Mediator::Server", tool.server)


def _domain_uids(tool: ToolFacts) -> tuple[Uid, ...]:
    return (Uid("Mediator::Domain", tool.domain),) if tool.domain else ()


def _entity(uid: Uid, attributes: JsonObject | None = None, parents: Iterable[Uid] = ()) -> JsonObject:
    return {"uid": _uid_json(uid), "attrs": attributes or {}, "parents": [_uid_json(parent) for parent in parents]}


def _uid_json(uid: Uid) -> JsonObject:
    return {"type": uid.type, "id": uid.id}
