"""Which attributes of the context a policy names: what an engine must be shown, and what it need not be.

Walks a condition in the engine's own JSON form (Cedar's: one operator to each node), given as plain JSON. Sound rather
than sharp: a use of `context` that is not understood names everything.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from mediator.canonical import Json
from mediator.policy.types import Path, Paths

ACTION_TYPE: Final = "Mediator::Action"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """What the conditions of one policy name: paths of the context, actions by name, `action`, agents and tools.

    `looks_at_entities`: the answer may depend on who asks or on which tool, beyond what the scope says.
    """

    paths: Paths
    actions: frozenset[str]
    asks_for_action: bool
    looks_at_entities: bool

    def reads(self, attribute: str) -> bool:
        """Tell whether this attribute of the context, or the context as a whole, is named."""
        return any(not path or path[0] == attribute for path in self.paths)


def mentions_of(conditions: Json) -> Mentions:
    """Return what these conditions (a list of `{kind, body}`) name."""
    paths: set[Path] = set()
    actions: set[str] = set()
    asks_for_action = looks_at_entities = False
    waiting = [condition.get("body") for condition in _objects(conditions)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
            continue
        if not isinstance(node, dict):  # a literal, or an attribute's name: names nothing of the context
            continue
        if (path := _path_of(node)) is not None or (path := _presence_of(node)) is not None:
            paths.add(path)
        elif "Value" in node:
            named_action = _action_named_by(node["Value"])
            actions |= named_action
            # Any other literal entity: what it has, and what it is in, is known only if it is asked about.
            looks_at_entities = looks_at_entities or (isinstance(node["Value"], dict) and not named_action)
        elif isinstance(record := node.get("Record"), dict):
            waiting.extend(record.values())  # its keys are an author's words, not operators
        else:
            asks_for_action = asks_for_action or node == {"Var": "action"}
            looks_at_entities = looks_at_entities or node in ({"Var": "principal"}, {"Var": "resource"})
            waiting.extend(node.values())
    return Mentions(
        paths=frozenset(paths),
        actions=frozenset(actions),
        asks_for_action=asks_for_action,
        looks_at_entities=looks_at_entities,
    )


def _objects(value: Json) -> list[dict[str, Json]]:
    return [inner for inner in value if isinstance(inner, dict)] if isinstance(value, list) else []


def _path_of(node: Json) -> Path | None:
    """Return the path if the node is `context`, or an attribute of it, or of that, and so on."""
    names: list[str] = []
    while isinstance(node, dict) and len(node) == 1:
        if node.get("Var") == "context":
            return tuple(reversed(names))
        match node.get("."):
            case {"left": left, "attr": str(name)}:
                names.append(name)
                node = left
            case _:
                return None
    return None


def _presence_of(node: dict[str, Json]) -> Path | None:
    """Return the path if the node asks whether an attribute of the context is there (`has`)."""
    match node:
        case {"has": {"left": left, "attr": str(name)}} if len(node) == 1 and (path := _path_of(left)) is not None:
            return (*path, name)
        case _:
            return None


def _action_named_by(value: Json) -> frozenset[str]:
    match value:
        case {"__entity": {"type": str(kind), "id": str(name)}} if kind == ACTION_TYPE:
            return frozenset({name})
        case _:
            return frozenset()
