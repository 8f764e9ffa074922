"""`mediator policy explain`: why a call was, or would be, allowed or denied, and what would change it.

A decision is taken from the ledger and judged again with what was recorded of it; a call that nobody made is asked about
as a file of cases would say it. Nothing is called, recorded or let through.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediator.adapters.engine_cedar import CedarEngine, prepare_engine
from mediator.adapters.ledger_segments.showing import Wanted, find_entries, find_values
from mediator.assembly.folder import read_operators
from mediator.assembly.trust import decision_points_of, item_facts, load_pin_set, read_policies
from mediator.canonical import JsonObject, parse_object
from mediator.cli.console import print_json
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, now_ms, open_set_up
from mediator.cli.policy_explain_shown import Told, show_told, told_form, words_of
from mediator.identity.keys import key_set
from mediator.manifest.pin import PinSet
from mediator.manifest.pinned import PinnedTool
from mediator.mediation.explaining import recall
from mediator.mediation.trust import CallLimits, TrustSnapshot
from mediator.policy.cases import call_of
from mediator.policy.explanation import explain
from mediator.policy.finding import PolicySetInvalid
from mediator.policy.request import AccessRequest, AgentFacts
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings


def explain_decision(
    decision: Annotated[
        str | None, typer.Argument(metavar="[DECISION]", help="A decision: by its id, or how that begins.")
    ] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Of a call that nobody made: which agent.")] = None,
    tool: Annotated[str | None, typer.Option(metavar="SERVER/TOOL", help="Which tool.")] = None,
    arguments: Annotated[str, typer.Option(metavar="JSON", help="With which arguments.")] = "{}",
    context: Annotated[
        str, typer.Option(metavar="JSON", help="Circumstances as a case says them; what is left out is plain.")
    ] = "{}",
    policies: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The policies of then.", show_default="those of the set-up")
    ] = None,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Say why a decision came out as it did, or a call would: which policies, which facts, what would change it."""
    set_up = open_set_up(folder)
    if (decision is None) is (agent is None or tool is None):
        detail = "one decision was expected, or `--agent` and `--tool` of a call that nobody made"
        raise Refused(Reason.MALFORMED, detail, remedy="`mediator ledger show` lists decisions")
    pins, _ = load_pin_set(set_up.folder, set_up.settings, read_operators(set_up.folder), now_ms())
    engine = _engine(policies or set_up.policies, pins)
    if decision is not None:
        told = _of_decision(set_up, decision, engine, pins)
    else:
        request = _request(set_up, pins, str(agent), str(tool), arguments, context)
        told = Told(explanation=explain(engine, request), entry=None, is_the_same=True)
    if as_json:
        print_json(told_form(told))
    else:
        show_told(told)


def _engine(policies: Path, pins: PinSet) -> CedarEngine:
    try:
        return prepare_engine(read_policies(policies), [item_facts(item) for item in pins.items])
    except PolicySetInvalid as error:
        detail = f"the policies in `{policies}` cannot be put in force: {error}"
        raise Refused(Reason.POLICY_ERROR, detail, remedy="`mediator policy check` shows all") from error


# --- a decision ------------------------------------------------------------------------------------------------------


def _of_decision(set_up: SetUp, beginning: str, engine: CedarEngine, pins: PinSet) -> Told:
    entry = _entry(set_up, beginning)
    values = find_values(set_up.folder.ledger, str(entry.get("stream")), str(entry.get("id")))
    with about(f"decision `{entry.get('id')}` was {words_of(entry)}, and cannot be explained"):
        recalled = recall(entry, values, _snapshot(set_up, engine, pins))
        explanation = None if recalled.question is None else explain(engine, recalled.question)
    return Told(explanation=explanation, entry=entry, is_the_same=recalled.is_the_same)


def _entry(set_up: SetUp, beginning: str) -> JsonObject:
    """Return the one decision whose id begins so."""
    if not set_up.folder.ledger.exists():
        detail = f"there is no ledger in `{set_up.shown(set_up.folder.ledger)}`: nothing was decided so far"
        raise Refused(Reason.LEDGER_UNAVAILABLE, detail, remedy="`mediator serve` or `mediator stdio` begins one")
    decisions = find_entries(set_up.folder.ledger, Wanted(kind="decision")).entries
    found = [entry for entry in decisions if str(entry.get("id")).startswith(beginning)]
    if len(found) != 1:
        detail = f"{'several decisions begin' if found else 'no decision begins'} with `{beginning}`"
        raise Refused(Reason.MALFORMED, detail, remedy="`mediator ledger show --json` has the ids in full")
    return found[0]


def _snapshot(set_up: SetUp, engine: CedarEngine, pins: PinSet) -> TrustSnapshot:
    limits = set_up.settings.limits
    return TrustSnapshot(
        keys=key_set({}),  # nobody is identified here
        pins=pins,
        policies=engine,
        limits=CallLimits(
            deadline_seconds=limits.deadline_seconds,
            result_bytes_max=limits.result_bytes_max,
            clock_skew_seconds=set_up.settings.delegation.clock_skew_seconds,
            input_seconds=limits.input_seconds,
        ),
        audience=set_up.settings.server.base_url(),
        tenant=set_up.settings.tenant,
        decision_points=decision_points_of(set_up.settings),
    )


# --- a call that nobody made -----------------------------------------------------------------------------------------


def _request(set_up: SetUp, pins: PinSet, agent: str, tool: str, arguments: str, context: str) -> AccessRequest:
    profile = set_up.settings.find_agent(agent)
    if profile is None:
        known = ", ".join(f"`{one.name}`" for one in set_up.settings.agents)
        raise Refused(Reason.MALFORMED, f"there is no agent `{agent}`", remedy=f"profiles: {known or 'none'}")
    item = next((item for item in pins.items if item_facts(item).key == tool), None)
    if item is None:
        raise Refused(Reason.UNKNOWN_TOOL, f"`{tool}` is not pinned", remedy="`mediator pin list` shows what is")
    sent, circumstances = _object("--arguments", arguments), _object("--context", context)
    if isinstance(item, PinnedTool):
        with about("--arguments", "give what the pinned schema of the tool asks for"):
            item.schema.check_arguments(sent)
    with about("--context", "see policies/README.md for what a case may say"):
        return call_of(_facts(profile), item_facts(item), sent, circumstances, now_ms())


def _facts(profile: AgentSettings) -> AgentFacts:
    return AgentFacts(id=profile.name, owner=profile.owner, agent_class=profile.agent_class, team=profile.team)


def _object(option: str, text: str) -> JsonObject:
    with about(option, "give one JSON object, in single quotes for the shell"):
        return parse_object(text.encode())
