"""What is left of a run, for the eye: the grants of a task as a tree, a table of the decisions, the trace of each.

Decisions and traces are drawn from the ledger alone: spans are a function of the records. A chain is written with its
connectors in parentheses.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from mediator.adapters.tracer_otel import names
from mediator.adapters.tracer_otel.spans import spans_of
from mediator.canonical import Json, JsonObject

_CONNECTOR: Final = "magenta"


def draw_grants(console: Console, grants: Sequence[JsonObject]) -> None:
    """Draw each grant under the one that it was handed on from, with what it covers; over all, who answers for them."""
    roots: list[Tree] = []
    branches: dict[str, Tree] = {}
    for grant in grants:  # oldest first: a parent comes before what was handed on from it
        above = branches.get(str(grant["parent"]))
        if above is None:
            above = Tree(Text(f"{grant['owner']} answers for {grant['task']}"))
            roots.append(above)
        branches[str(grant["grant"])] = above.add(_grant_line(grant))
    for root in roots:
        console.print(Padding(root, (0, 0, 0, 4), expand=False))


def draw_decisions(console: Console, entries: Sequence[JsonObject]) -> None:
    """Draw one row for each decision, with what became of it."""
    outcomes = {str(entry["id"]): entry for entry in entries if entry.get("kind") == "outcome"}
    title = "Decisions (in parentheses: a connector)"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("decision", "who", "tool", "effect", "verdict", "reason", "outcome"):
        table.add_column(column, no_wrap=column in {"who", "verdict"})  # what is compared by eye stays whole
    for entry in entries:
        if entry.get("kind") == "decision":
            outcome = outcomes.get(str(entry["id"]), {})
            table.add_row(*_cells(entry, outcome))
    console.print(table)


def draw_traces(console: Console, entries: Sequence[JsonObject]) -> None:
    """Draw the spans of each decision under its task."""
    outcomes = {str(entry["id"]): entry for entry in entries if entry.get("kind") == "outcome"}
    tasks: dict[str, Tree] = {}
    for entry in entries:
        if entry.get("kind") != "decision":
            continue
        task = str(entry.get("task"))
        tree = tasks.setdefault(task, Tree(Text(task, style="bold")))
        spans = {span.context.span_id: span for span in spans_of(entry, outcomes.get(str(entry["id"])))}
        branches: dict[int, Tree] = {}
        for span_id, span in spans.items():
            parent = span.parent.span_id if span.parent is not None else 0
            style = "red" if span.status.status_code.name == "ERROR" else "green"
            label = Text.assemble((f"{span.kind.name:<8} {span.name}", style), _who(span.attributes or {}))
            branches[span_id] = branches.get(parent, tree).add(label)
    for tree in tasks.values():
        console.print(tree)


def _grant_line(grant: JsonObject) -> Text:
    """Say whose it is and what it covers: what goes with the same effects and arguments together."""
    together: dict[tuple[str, str], list[str]] = {}
    for entry in _objects(grant["entries"]):
        told = (", ".join(_texts(entry["effects"])), _constraints(entry["arguments"]))
        together.setdefault(told, []).append(str(entry["pattern"]))
    covered = "; ".join(f"{effects}: {', '.join(tools)}{only}" for (effects, only), tools in together.items())
    name = (f"({grant['agent']}) ", _CONNECTOR) if grant["connector"] is True else (f"{grant['agent']} ", "bold")
    return Text.assemble(name, f" {covered}")


def _constraints(arguments: Json) -> str:
    told = [
        f"{pointer} {kind} {', '.join(_texts(value)) or value}"
        for pointer, constraint in (arguments.items() if isinstance(arguments, dict) else ())
        for kind, value in (constraint.items() if isinstance(constraint, dict) else ())
    ]
    return f" ({'; '.join(told)})" if told else ""


def _who(attributes: Mapping[str, object]) -> Text:
    """Say by which chain and for whom, where the span does."""
    chain, owner = _texts(attributes.get(names.CHAIN)), attributes.get(names.OWNER)
    if not chain:
        return Text()
    return Text.assemble("   ", _told_chain(chain, _texts(attributes.get(names.CHAIN_CONNECTORS))), f" for {owner}")


def _told_chain(chain: Sequence[str], connectors: Sequence[str]) -> Text:
    """Return a chain from its root to who calls; a connector stands in parentheses, in a colour of its own."""
    links = (Text(f"({link})", style=_CONNECTOR) if link in connectors else Text(link) for link in chain)
    return Text(" → ").join(links)


def _cells(entry: JsonObject, outcome: JsonObject) -> list[Text]:
    item, call = entry.get("item"), entry.get("call")
    name = f"{item['server']}/{item['name']}" if isinstance(item, dict) else str(_member(call, "name"))
    verdict = str(entry["verdict"])
    return [
        Text(str(entry["id"])[:8], style="dim"),
        _told_chain(_texts(entry["chain"]), _texts(entry["connectors"])),
        Text(name),
        Text(str(_member(item, "effect") or "-")),
        Text(verdict, style="green" if verdict == "allow" else "red"),
        Text(str(entry.get("reason") or outcome.get("reason") or "-")),
        Text(str(outcome.get("outcome") or "-")),
    ]


def _objects(form: Json) -> list[JsonObject]:
    return [one for one in form if isinstance(one, dict)] if isinstance(form, list) else []


def _texts(form: object) -> list[str]:
    """Return what a list or a tuple holds, as text; nothing of anything else."""
    return [str(one) for one in form] if isinstance(form, list | tuple) else []


def _member(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, dict) else None
