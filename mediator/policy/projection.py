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
    """What the conditions of one policy name: paths of the context, actions, and which other variables."""

    paths: Paths
    actions: frozenset[str]
    variables: frozenset[str]

    def reads(self, attribute: str) -> bool:
        """Tell whether this attribute of the context, or the context as a whole, is named."""
        return any(not path or path[0] == attribute for path in self.paths)


def mentions_of(conditions: Json) -> Mentions:
    """Return what these conditions (a list of `{kind, body}`) name."""
    paths: set[Path] = set()
    actions: set[str] = set()
    variables: set[str] = set()
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
            actions |= _actions_in(node["Value"])
        elif isinstance(record := node.get("Record"), dict):
            waiting.extend(record.values())  # its keys are an author's words, not operators
        else:
            variables |= _variables_in(node)
            waiting.extend(node.values())
    return Mentions(paths=frozenset(paths), actions=frozenset(actions), variables=frozenset(variables))


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


def _variables_in(node: dict[str, Json]) -> frozenset[str]:
    match node:
        case {"Var": str(name)}:
            return frozenset({name})
        case _:
            return frozenset()


def _actions_in(value: Json) -> frozenset[str]:
    match value:
        case {"__entity": {"type": str(kind), "id": str(name)}} if kind == ACTION_TYPE:
            return frozenset({name})
        case _:
            return frozenset()
