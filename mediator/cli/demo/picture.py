"""What is left of a run, for the eye: a table of the decisions, and the trace of each as a tree.

Both are drawn from the ledger alone: spans are a function of the records.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from mediator.adapters.tracer_otel.spans import spans_of
from mediator.canonical import JsonObject


def draw_decisions(console: Console, entries: Sequence[JsonObject]) -> None:
    """Draw one row for each decision, with what became of it."""
    outcomes = {str(entry["id"]): entry for entry in entries if entry.get("kind") == "outcome"}
    table = Table(title="Decisions", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("decision", "tool", "effect", "verdict", "reason", "outcome"):
        table.add_column(column)
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
            label = Text(f"{span.kind.name:<8} {span.name}", style=style)
            branches[span_id] = branches.get(parent, tree).add(label)
    for tree in tasks.values():
        console.print(tree)


def _cells(entry: JsonObject, outcome: JsonObject) -> list[Text]:
    item, call = entry.get("item"), entry.get("call")
    name = f"{item['server']}/{item['name']}" if isinstance(item, dict) else str(_member(call, "name"))
    verdict = str(entry["verdict"])
    return [
        Text(str(entry["id"])[:12], style="dim"),
        Text(name),
        Text(str(_member(item, "effect") or "-")),
        Text(verdict, style="green" if verdict == "allow" else "red"),
        Text(str(entry.get("reason") or outcome.get("reason") or "-")),
        Text(str(outcome.get("outcome") or "-")),
    ]


def _member(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, dict) else None
