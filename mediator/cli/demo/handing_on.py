"""The acts of a task that is shared: three agents and a connector, each with less than the one before it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.tracer_otel import names
from mediator.adapters.tracer_otel.spans import spans_of
from mediator.canonical import Json, JsonObject
from mediator.cli.demo.agent import Agent, connected, use_stolen
from mediator.cli.demo.fleet import Fleet, Held, part
from mediator.cli.demo.picture import draw_grants
from mediator.cli.demo.stage import OWNER, Stage, sent
from mediator.cli.demo.story import Story

AGENTS: Final = ("orchestrator", "worker", "specialist")
CONNECTOR: Final = "plugin"
_CLOCK: Final = {"timezone": "Europe/Oslo"}
_BEDS: Final = {"path": "/notes/garden/beds.md"}
_PLAN: Final = {"path": "/notes/plan.md"}
_LETTER: Final = {**_BEDS, "to": OWNER}
_WHY: Final = "the owner reads the notes on paper"
_POLICY: Final = """\
@id("not-through-the-plugin")
@reason("what goes through this plugin may not send")
forbid (principal, action in Mediator::Action::"effect:send", resource)
when { context.chain.connectors.contains("plugin") };
"""


def enlist(stage: Stage) -> Fleet:
    """Give each agent a key and a profile in `mediator.toml`, before the mediator starts."""
    fleet = Fleet(AGENTS, (CONNECTOR,))
    with (stage.work / "mediator.toml").open("a", encoding="utf-8") as file:
        file.write(fleet.profiles(OWNER))
    return fleet


async def share_a_task(story: Story, stage: Stage, url: str, fleet: Fleet) -> None:
    """An orchestrator hands on to a worker, that to a specialist; a connector comes in between; all of it ends."""
    async with AsyncExitStack() as sessions:

        async def at_work(held: Held) -> Agent:
            return await sessions.enter_async_context(connected(f"{url}/mcp", held.token, held.key))

        task = await _open(story, stage, url, fleet)
        worker, specialist = await _hand_on(story, stage, url, fleet, task)
        agents = [await at_work(held) for held in (task, worker, specialist)]
        await _each_acts(story, agents, str(stage.root / "garden"))
        answer = await use_stolen(f"{url}/mcp", worker.token)
        story.refused("whoever finds the worker's token has not found its key", answer, "PROOF_INVALID")
        await _widen(story, url, fleet, agents, worker, specialist)
        through = await at_work(await _through_the_connector(story, stage, url, fleet, task))
        await _forbid_the_connector(story, stage, agents[1], through)
        await _end(story, stage, task, (*agents, through))
    _on_record(story, stage, task)


async def _open(story: Story, stage: Stage, url: str, fleet: Fleet) -> Held:
    story.act("6  A task is handed on, and only shrinks")
    named = ("clock/get_current_time", "repo/git_log", "notes/read_note", "notes/send_note")
    tools = [word for tool in named for word in ("--tools", tool)]
    words = ["task", "open", "--agent", "orchestrator", "--owner", OWNER, *tools]
    words += ["--effects", "read,send", "--max-depth", "3", "--minutes", "15"]
    words += ["--purpose", "report on the garden"]
    story.command(*(f"'{word}'" if " " in word else word for word in words))
    unsaid = await fleet.hand_on(url, _opened(stage, words), "worker", _sending())
    async with connected(f"{url}/mcp", unsaid.token, unsaid.key) as worker:
        answer = await worker.call("notes__send_note", _LETTER)
    story.refused("nobody said why anything is sent, so nothing is", answer, "JUSTIFICATION_REQUIRED")
    story.says("  The owner says why, when the task is opened:")
    story.command("task", "open", "...", "--because", f"'{_WHY}'")
    return _opened(stage, [*words, "--because", _WHY])


def _opened(stage: Stage, words: Sequence[str]) -> Held:
    opened = stage.mediator_json(*words)
    return Held(agent="orchestrator", token=str(opened["access_token"]), grant=str(opened["grant"]))


async def _hand_on(story: Story, stage: Stage, url: str, fleet: Fleet, task: Held) -> tuple[Held, Held]:
    story.says(
        "  It hands a part to a worker, and that a part of it to a specialist; each proves its own key (RFC 8693), and its\n  token is good with that alone (RFC 9449):"
    )
    reading = part(("repo/git_log", "notes/read_note"), max_calls=10)
    worker = await fleet.hand_on(url, task, "worker", reading, _sending())
    below: JsonObject = {"/path": {"path_below": "/notes/garden"}}
    specialist = await fleet.hand_on(url, worker, "specialist", part(("notes/read_note",), arguments=below))
    story.command("grant", "list")
    grants = _grants(stage, task)
    draw_grants(story.console, grants)
    parents = {str(one["agent"]): one["parent"] for one in grants}
    story.expects(
        "each grant hangs from the one that it was made from, and the same human answers for all",
        grants,
        holds=parents == {"orchestrator": None, "worker": task.grant, "specialist": worker.grant}
        and {one["owner"] for one in grants} == {OWNER},
    )
    return worker, specialist


async def _each_acts(story: Story, agents: Sequence[Agent], repository: str) -> None:
    orchestrator, worker, specialist = agents
    answer = await orchestrator.call("clock__get_current_time", _CLOCK)
    story.answered("the orchestrator asks for the time", answer, containing="Europe/Oslo")
    answer = await worker.call("repo__git_log", {"repo_path": repository})
    story.answered("the worker reads the history", answer, containing="Plant a garden")
    answer = await specialist.call("notes__read_note", _BEDS)
    story.answered("the specialist reads a note of the garden", answer, containing="beans")


async def _widen(story: Story, url: str, fleet: Fleet, agents: Sequence[Agent], worker: Held, specialist: Held) -> None:
    """What was not handed on is not there, and cannot be had by asking for it."""
    answer = await agents[1].call("clock__get_current_time", _CLOCK)
    story.refused("the worker was not given the clock", answer, "UNKNOWN_TOOL")
    answer = await agents[2].call("notes__read_note", _PLAN)
    story.refused("the specialist tries another note", answer, "NOT_COVERED")
    answer = await agents[2].call("notes__read_note", {"path": "/notes/garden/../plan.md"})
    story.refused("and the same note by another way", answer, "NOT_COVERED")
    answer = await fleet.try_to_hand_on(url, specialist, CONNECTOR, part(("notes/read_note",)))
    story.refused("it tries to hand on every note, to the plugin", answer, "invalid_authorization_details")
    answer = await fleet.try_to_hand_on(url, worker, "specialist", part(("clock/get_current_time",)))
    story.refused(
        "and the worker to hand on the clock, which it does not hold", answer, "invalid_authorization_details"
    )


async def _through_the_connector(story: Story, stage: Stage, url: str, fleet: Fleet, task: Held) -> Held:
    story.act("7  Who stands in between is seen")
    story.says("  The same worker is reached once more, through a plugin that has a key of its own:")
    plugin = await fleet.hand_on(url, task, CONNECTOR, _sending())
    through = await fleet.hand_on(url, plugin, "worker", _sending())
    story.command("grant", "list")
    draw_grants(story.console, _grants(stage, task))
    return through


async def _forbid_the_connector(story: Story, stage: Stage, worker: Agent, through: Agent) -> None:
    log = stage.root / "notes.arrivals"
    answer = await worker.call("notes__send_note", _LETTER)
    story.refused("the worker never sent before: a human has to look at it, once", answer, "APPROVAL_REQUIRED")
    story.says("  The operator looks at exactly this letter, and signs that it may go:")
    story.command("approvals", "approve", answer.approval, "--who", OWNER)
    stage.mediator("approvals", "approve", answer.approval, "--who", OWNER, "--yes")
    answer = await worker.call("notes__send_note", _LETTER)
    story.answered("the worker sends that letter", answer, containing="sent")
    answer = await through.call("notes__send_note", _LETTER)
    story.answered(
        "now it has sent before, and sends through the plugin, too: nobody minds yet", answer, containing="sent"
    )
    (stage.work / "policies" / "plugin.cedar").write_text(_POLICY, encoding="utf-8")
    story.says("  Now an operator minds that one plugin, while all of them work:")
    story.quotes(_POLICY)
    story.command("policy", "activate", "--operator", OWNER)
    stage.mediator("policy", "activate", "--operator", OWNER)
    answer = await through.call("notes__send_note", _LETTER)
    story.refused("through the plugin it sends no more", answer, "DENIED_BY_POLICY")
    answer = await worker.call("notes__send_note", _LETTER)
    story.answered("directly it does", answer, containing="sent")
    story.expects(
        "in the outbox are the three letters that were allowed, and no fourth",
        sent(log),
        holds=sent(log) == [OWNER] * 3,
    )


async def _end(story: Story, stage: Stage, task: Held, agents: Sequence[Agent]) -> None:
    story.act("8  One word ends it for all of them")
    story.command("task", "complete", task.grant, "--owner", OWNER)
    stage.mediator("task", "complete", task.grant, "--owner", OWNER)
    last_calls = (
        ("the orchestrator, one call later", "clock__get_current_time", _CLOCK),
        ("the worker", "notes__read_note", _PLAN),
        ("the specialist", "notes__read_note", _BEDS),
        ("the worker behind the plugin", "notes__send_note", _LETTER),
    )
    for agent, (who, tool, arguments) in zip(agents, last_calls, strict=True):
        story.refused(who, await agent.call(tool, {**arguments}), "TASK_COMPLETED")


def _on_record(story: Story, stage: Stage, task: Held) -> None:
    """Every record of the task, refusals too, names the chain down from the orchestrator, and who answers for it."""
    found = find_entries(stage.work / ".mediator" / "ledger", Wanted(task=task.grant, kind="decision")).entries
    chains = [tuple(map(str, _list(entry["chain"]))) for entry in found]
    behind = ("orchestrator", CONNECTOR, "worker")
    whole = {AGENTS[:1], AGENTS[:2], AGENTS, behind}
    told = f"each of the {len(found)} records has the whole chain, from the orchestrator to who called, and the owner"
    story.expects(
        told,
        chains,
        holds=set(chains) == whole
        and all(
            chain[-1] == entry["agent"] and entry["owner"] == OWNER for chain, entry in zip(chains, found, strict=True)
        ),
    )
    story.expects(
        "the plugin is marked in each that it stands in, and in no other",
        chains,
        holds=all(
            entry["connectors"] == ([CONNECTOR] if CONNECTOR in _list(entry["chain"]) else []) for entry in found
        ),
    )
    spans = [_said(entry) for entry in found]
    holds = spans == [(chain, OWNER) for chain in chains]
    story.expects("so has the span of each decision", spans, holds=holds)


def _sending() -> JsonObject:
    """A line that names the send, and to whom."""
    return part(("notes/send_note",), ("send",), arguments={"/to": {"exact": OWNER}})


def _grants(stage: Stage, task: Held) -> list[JsonObject]:
    listed = stage.mediator_json("grant", "list").get("grants")
    return [one for one in _list(listed) if isinstance(one, dict) and one["task"] == task.grant]


def _said(entry: JsonObject) -> tuple[object, object]:
    """Return chain and owner as the span of this decision has them."""
    authorize = next(span for span in spans_of(entry, None) if span.name.startswith("authorize"))
    attributes = authorize.attributes or {}
    return attributes.get(names.CHAIN), attributes.get(names.OWNER)


def _list(form: Json) -> list[Json]:
    return form if isinstance(form, list) else []
