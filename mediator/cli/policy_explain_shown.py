"""How an explanation of a policy's answer is told: as JSON for a program, as tables for people.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.cli.console import BAD, GOOD, NAME, QUIET, WARN, Part, say, show_table
from mediator.policy.decision import Verdict
from mediator.policy.explanation import Explanation, Fact, Turning
from mediator.policy.policy import Policy

_NOTHING: Final = "no policy was asked: what stopped it comes before"
_NOT_BY_POLICY: Final = "policy was asked, and is not what it turned on"
_PLAIN: Final = (
    "a call that nobody made: covered, and with a proof of the agent's key, unless `--context` says otherwise"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told: the explanation, if policy was asked, and what the ledger says, if it was a decision."""

    explanation: Explanation | None
    entry: JsonObject | None
    is_the_same: bool


def words_of(entry: JsonObject) -> str:
    """Return what a decision was, as recorded."""
    policies = entry.get("policies")
    by = policies.get("determining") if isinstance(policies, dict) else None
    words = [str(entry.get("verdict"))]
    if entry.get("reason") is not None:
        words.append(str(entry["reason"]))
    if isinstance(by, list) and by:
        words.append("by " + ", ".join(map(str, by)))
    return " ".join(words)


def told_form(told: Told) -> JsonObject:
    """Return it for a program."""
    entry, explanation = told.entry, told.explanation
    form: JsonObject = {"decision": None, "explanation": None}
    if entry is not None:
        recorded: JsonObject = {name: entry.get(name) for name in ("id", "at", "verdict", "reason", "step", "policies")}
        form["decision"] = {**recorded, "comes_out_the_same": told.is_the_same}
    if explanation is not None:
        form["explanation"] = _explanation_form(explanation)
    return form


def _explanation_form(explanation: Explanation) -> JsonObject:
    decision, who = explanation.decision, explanation.request.principal
    return {
        "verdict": str(decision.verdict),
        "reason": None if decision.reason is None else str(decision.reason),
        "sentence": decision.sentence,
        "remedy": decision.remedy,
        "action": str(explanation.request.action),
        "item": explanation.item.key,
        "agent": {"id": who.id, "class": who.agent_class, "team": who.team, "owner": who.owner},
        "decisive": [_policy_form(policy) for policy in explanation.decisive],
        "considered": [_policy_form(policy) for policy in explanation.considered],
        "facts": [_fact_form(fact) for fact in explanation.facts],
        "changes": [_turning_form(turning) for turning in explanation.turnings],
        "all_changes_tried": not explanation.is_cut,
    }


def _policy_form(policy: Policy) -> JsonObject:
    effect = "forbid" if policy.forbids else "permit"
    where = policy.source
    return {"policy": policy.id, "file": where.file, "line": where.line, "effect": effect, "reason": policy.reason}


def _fact_form(fact: Fact) -> JsonObject:
    return {"fact": _name(fact.path), "value": fact.value if fact.is_there else None, "is_there": fact.is_there}


def _turning_form(turning: Turning) -> JsonObject:
    change = turning.change
    return {
        "fact": _name(change.path),
        "value": None if change.is_absence else change.value,
        "is_there": not change.is_absence,
        "by": change.by,
        "verdict": str(turning.decision.verdict),
    }


# --- for people ------------------------------------------------------------------------------------------------------


def show_told(told: Told) -> None:
    """Print it for people."""
    if told.entry is None:
        say((_PLAIN, QUIET))
    else:
        say(f"decision {told.entry.get('id')}, recorded: ", (words_of(told.entry), NAME))
        if not told.is_the_same:
            say(("warning: ", WARN), "judged again it comes out otherwise: what it rested on has changed since")
    explanation = told.explanation
    if explanation is None:
        say((_NOTHING, QUIET))
        return
    if told.entry is not None and told.entry.get("verdict") != explanation.decision.verdict:
        say((_NOT_BY_POLICY, QUIET))
    decision, who = explanation.decision, explanation.request.principal
    style = GOOD if decision.verdict is Verdict.ALLOW else BAD
    reason = "" if decision.reason is None else f" {decision.reason}"
    say((f"{decision.verdict}{reason}", style), f": {explanation.request.action} of ", (explanation.item.key, NAME))
    say(f"  for {who.id}, class {who.agent_class}, team {who.team or '(none)'}; {who.owner} answers for it")
    for word in (decision.sentence, decision.remedy):
        if word is not None:
            say(f"  {word}")
    rows = [_policy_row(policy, ("decisive", style)) for policy in explanation.decisive]
    rows += [_policy_row(policy, ("considered", QUIET)) for policy in explanation.considered]
    show_table(("policy", "", "where", "says"), rows)
    if explanation.facts:
        show_table(("fact", "value"), [(_name(fact.path), _shown(fact.value)) for fact in explanation.facts])
    _show_turnings(explanation)


def _policy_row(policy: Policy, part: Part) -> tuple[Part, ...]:
    return ((policy.id, NAME), part, f"{policy.source.file}:{policy.source.line}", policy.reason)


def _show_turnings(explanation: Explanation) -> None:
    if explanation.turnings:
        rows = [
            (_name(one.change.path), _shown(one.change.value), str(one.decision.verdict), one.change.by)
            for one in explanation.turnings
        ]
        show_table(("if this were", "so", "then", "by"), rows)
    else:
        say("no single fact that somebody can change would turn it")
    if explanation.is_cut:
        say(("warning: ", WARN), "not all changes were tried: there are too many")


def _name(path: tuple[str, ...]) -> str:
    return ".".join(("context", *path))


def _shown(value: Json) -> str:
    match value:
        case str():
            return value
        case {"text": str(text), **rest} if rest.keys() <= {"low", "high"}:  # a number, as policies see it
            return text
        case _:
            return canonical_bytes(value).decode()
