"""What published servers really offered: the definitions, snapshots and upgrades of `tests/data/real_tools`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from mediator.canonical import Json, JsonObject, parse_json, parse_object

FOLDER: Final = Path(__file__).resolve().parent / "data" / "real_tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What the tools of one server were in one release and in the next, and what is on record about that."""

    name: str
    old: tuple[JsonObject, ...]
    new: tuple[JsonObject, ...]
    added: list[str]
    removed: list[str]
    changed: Mapping[str, frozenset[str]]  # which members of each
    unchanged: int


@cache
def definitions() -> tuple[JsonObject, ...]:
    """All 216 of 16 servers."""
    listings = (parse_json(file.read_bytes()) for file in sorted(FOLDER.glob("*.json")))
    return tuple(tool for listing in listings if isinstance(listing, dict) for tool in _tools(listing))


@cache
def definitions_by_server() -> Mapping[str, tuple[JsonObject, ...]]:
    """The same, by the name of the server's file."""
    listings = {file.stem: parse_json(file.read_bytes()) for file in sorted(FOLDER.glob("*.json"))}
    found = {name: tuple(_tools(listing)) for name, listing in listings.items() if isinstance(listing, dict)}
    return {name: tools for name, tools in found.items() if tools}


@cache
def snapshots() -> Mapping[str, tuple[JsonObject, ...]]:
    """The tools of 82 releases, by `SERVER-VERSION`: 989 in all."""
    packed = parse_object(gzip.decompress((FOLDER / "versions.json.gz").read_bytes()))
    return {name: tuple(_tools(listing)) for name, listing in packed.items() if isinstance(listing, dict)}


@cache
def upgrades() -> tuple[Upgrade, ...]:
    """The 74 steps from one of these releases to the next."""
    record: Any = parse_object((FOLDER / "drift.json").read_bytes())
    return tuple(
        Upgrade(
            name=f"{one['server']} {one['from']} -> {one['to']}",
            old=snapshots()[f"{one['server']}-{one['from']}"],
            new=snapshots()[f"{one['server']}-{one['to']}"],
            added=sorted(one["added"]),
            removed=sorted(one["removed"]),
            changed={tool["tool"]: frozenset(tool["fields"]) for tool in one["changed"]},
            unchanged=one["unchanged"],
        )
        for one in record["transitions"]
    )


def _tools(listing: JsonObject) -> Iterator[JsonObject]:
    tools: Json = listing.get("tools")
    yield from (tool for tool in (tools if isinstance(tools, list) else []) if isinstance(tool, dict))
