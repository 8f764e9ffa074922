"""The definitions that the linter is measured on: what each is, and who stands beside it. Shared with the tests.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.lint.finding import Finding, LintItem, Neighbour, Severity
from mediator.manifest.lint.lint import lint

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One definition, what it is, and who stands beside it."""

    name: str
    poisoned: bool
    item: LintItem
    neighbours: tuple[Neighbour, ...] = ()
    beside: str = ""
    """The listing that it stands in, where it does not stand alone."""


def labelled_definitions() -> list[Sample]:
    """Return the public corpus."""
    corpus = json.loads((DATA / "labelled_definitions" / "detect_corpus_v1.json").read_text(encoding="utf-8"))
    return [
        Sample(
            name=entry["id"],
            poisoned=entry["label"] == "malicious",
            item=_tool(entry["server"], entry["tool"]),
            neighbours=tuple(_neighbour(peer["server"], peer["tool"]) for peer in entry.get("peers", [])),
        )
        for entry in corpus["entries"]
    ]


def held_out(half: str) -> list[Sample]:
    """Return one part of our own corpus."""
    corpus = json.loads((DATA / "lint_heldout" / "definitions.json").read_text(encoding="utf-8"))
    return [
        Sample(
            name=f"{entry['id']} ({entry['category']}: {entry['tool']['name']})",
            poisoned=entry["label"] == "malicious",
            item=_tool(entry["server"], entry["tool"], entry["effect"]),
            neighbours=tuple(Neighbour(**neighbour) for neighbour in entry["neighbours"]),
        )
        for entry in corpus["entries"]
        if entry["half"] == half
    ]


def real_tools() -> list[Sample]:
    """Return the definitions of published servers, all of them honest; each has all others for neighbours."""
    folder = DATA / "real_tools"
    listings = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json")))
    servers = [one for one in listings if isinstance(one, dict) and "initialize" in one]
    offered = [(listing["server"], tool) for listing in servers for tool in listing["tools"]]
    neighbours = tuple(_neighbour(server, tool) for server, tool in offered)
    return [
        Sample(
            name=f"{server} {tool['name']}",
            poisoned=False,
            item=_tool(server, tool),
            neighbours=neighbours,
            beside="today",
        )
        for server, tool in offered
    ]


def older_releases() -> list[Sample]:
    """Return the definitions of older releases of some of them; for neighbours, today's of all servers."""
    snapshots = json.loads(gzip.decompress((DATA / "real_tools" / "versions.json.gz").read_bytes()))
    neighbours = real_tools()[0].neighbours
    return [
        Sample(
            name=f"{release} {tool['name']}",
            poisoned=False,
            item=_tool(release.rpartition("-")[0], tool),
            neighbours=neighbours,
            beside=release,
        )
        for release, listing in snapshots.items()
        for tool in listing["tools"]
    ]


def alarms(samples: Sequence[Sample]) -> list[tuple[Sample, list[Finding]]]:
    """Return each sample with the alarms raised over it: what counts as a detection. Warnings do not count."""
    together: dict[str, list[Sample]] = {}
    for sample in samples:
        together.setdefault(sample.beside or sample.name, []).append(sample)
    raised: dict[str, list[Finding]] = {}
    for beside in together.values():
        names = {(sample.item.server, sample.item.name): sample.name for sample in beside}
        for finding in lint([sample.item for sample in beside], beside[0].neighbours):
            if finding.severity is Severity.ALARM:
                raised.setdefault(names[finding.server, finding.name], []).append(finding)
    return [(sample, raised.get(sample.name, [])) for sample in samples]


def _tool(server: str, tool: dict[str, Any], effect: str | None = None) -> LintItem:
    declared = None if effect is None else Effect(effect)
    return LintItem(server=server, kind=ItemKind.TOOL, name=tool["name"], definition=tool, effect=declared)


def _neighbour(server: str, tool: dict[str, Any]) -> Neighbour:
    return Neighbour(server=server, name=tool["name"], description=str(tool.get("description", "")))
