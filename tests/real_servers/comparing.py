"""Two answers to one step, compared member by member: what differs, and which differences are meant.

1. What each era and each side says of its own is left out: the tags of the modern era, the server's own name of itself,
   `execution` of a tool in the modern era (design, P2).
2. What varies between two runs of one server (a time, a commit) is replaced by a word, by patterns that the step names.
3. An intended difference is one that stands in the table, at a step that names it, and looks as it should.

Pure: no I/O.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, unique
from typing import Any, Final, Literal

from tests.real_servers.asking import Answer, Step

_TAGS: Final = frozenset({"resultType", "ttlMs", "cacheScope"})
_OWN_META: Final = "io.modelcontextprotocol/"
_REFUSAL: Final = "org.mcp-mediator/refusal"
_NOT_FOUND: Final = (-32602, -32002)
_ABSENT: Final = "absent"
_SHOWN_DIFFERENCES: Final = 4
_SHOWN_CHARACTERS: Final = 160


@unique
class Meant(Enum):
    """The differences that are meant, each with its reason."""

    OWN_ORDER = "what may be seen is listed in the order of the names, whatever the server's is (mediation/listing.py)"
    UNKNOWN_TOOL = "whatever cannot be seen looks the same, before arguments are looked at (design 5.7)"
    CLOSED_ARGUMENTS = "arguments miss the pinned schema, closed: refused by the mediator, in its words (design 4)"
    FOR_ABLE = (
        "what a server offers to clients that can do everything is pinned, and so is listed whoever asks (wire/speech)"
    )
    OWNERS_FAMILY = (
        "what appears at run time is pinned by a prefix that its owner names, and listed as a template (P2, P3)"
    )
    KEY_ORDER = (
        "what an agent answers goes on in RFC 8785 form; this server writes the object out as text, in its order"
    )
    NO_LEVEL = (
        "a modern client hears log messages where its request names a level, and the SDK's names none (MCP, logging)"
    )
    NOT_FOUND = "what is not pinned is refused by the mediator, in its words; the server is not asked (P1, P2)"


@unique
class Verdict(StrEnum):
    """What a comparison comes to."""

    EQUAL = "equal"
    MEANT = "differs as meant"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One step of a server's script, and what is known of its answers."""

    step: Step
    meant: Meant | None = None
    varies: tuple[tuple[str, str], ...] = ()
    legacy_only: bool = False  # a request that the modern era no longer has


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One step, both answers, and where they part."""

    case: Case
    verdict: Verdict
    differences: tuple[str, ...] = ()


def compare(case: Case, direct: Answer, through: Answer) -> Compared:
    """Compare what came of a step at the server and through the mediator."""
    said, passed = (_plain(case, answer) for answer in (direct, through))
    differences = tuple(find_differences(said, passed))
    if not differences:
        return Compared(case=case, verdict=Verdict.EQUAL)
    match case.meant:
        case None:
            meant = False
        case Meant.OWN_ORDER:
            meant = all(": in another order: " in one for one in differences)
        case Meant.FOR_ABLE | Meant.OWNERS_FAMILY:
            meant = all(": added: " in one for one in differences)
        case Meant.NO_LEVEL:
            logs = all(one["method"] == "notifications/message" for one in direct.said)
            meant = logs and not through.said and all(one.startswith("/said: ") for one in differences)
        case Meant.KEY_ORDER:
            meant = sorted(json.dumps(said)) == sorted(json.dumps(passed))
        case reason:
            meant = _is_refused_as_meant(reason, case.step, direct, through)
    return Compared(case=case, verdict=Verdict.MEANT if meant else Verdict.DIFFERS, differences=differences)


def _is_refused_as_meant(
    meant: Literal[Meant.UNKNOWN_TOOL, Meant.CLOSED_ARGUMENTS, Meant.NOT_FOUND],
    step: Step,
    direct: Answer,
    through: Answer,
) -> bool:
    """Tell whether the mediator refuses as it should."""
    error: dict[str, Any] = through.error or {}
    match meant:
        case Meant.UNKNOWN_TOOL:
            return (error.get("code"), error.get("message")) == (-32602, f"Unknown tool: {step.params['name']}")
        case Meant.CLOSED_ARGUMENTS:
            of_tool = ((through.result or {}).get("_meta") or {}).get(_REFUSAL, {})
            refusal = of_tool if step.method == "tools/call" else error.get("data", {})
            return bool(refusal.get("reason") == "ARGUMENTS_INVALID")
        case Meant.NOT_FOUND:
            return direct.error is not None and error.get("code") in _NOT_FOUND


def _plain(case: Case, answer: Answer) -> Any:
    """Return an answer without what is each side's own, and with a word for what varies."""
    text = json.dumps(_without_own(answer.as_json(), case.step.method))
    for pattern, word in case.varies:
        text = re.sub(pattern, word, text)
    return json.loads(text)


def _without_own(answer: Mapping[str, Any], method: str) -> dict[str, Any]:
    result = answer.get("result")
    if not isinstance(result, dict):
        return dict(answer)
    kept = {key: value for key, value in result.items() if key not in _TAGS}
    meta = {key: value for key, value in (kept.pop("_meta", None) or {}).items() if not key.startswith(_OWN_META)}
    if meta:
        kept["_meta"] = meta
    if method == "tools/list":
        kept["tools"] = [_without_execution(tool) for tool in kept.get("tools", [])]
    return {**answer, "result": kept}


def _without_execution(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tool.items() if key != "execution"}


def find_differences(said: Any, passed: Any, at: str = "") -> Iterator[str]:
    """Say, for each place where two values part, what the server said there and what came through."""
    if isinstance(said, dict) and isinstance(passed, dict):
        for key in sorted({*said, *passed}):
            yield from find_differences(said.get(key, _ABSENT), passed.get(key, _ABSENT), f"{at}/{key}")
    elif (
        isinstance(said, list) and isinstance(passed, list) and _names(said) is not None and _names(passed) is not None
    ):
        yield from _differences_of_named(said, passed, at)
    elif isinstance(said, list) and isinstance(passed, list) and len(said) == len(passed):
        for index, (one, other) in enumerate(zip(said, passed, strict=True)):
            yield from find_differences(one, other, f"{at}/{index}")
    elif type(said) is not type(passed) or said != passed:
        yield f"{at or '/'}: {_short(said)} -> {_short(passed)}"


def _differences_of_named(said: Sequence[Any], passed: Sequence[Any], at: str) -> Iterator[str]:
    """Compare lists of named things by name, and then their order."""
    names, others = _names(said) or (), _names(passed) or ()
    if missing := [name for name in names if name not in others]:
        yield f"{at}: not there: {', '.join(missing)}"
    if added := [name for name in others if name not in names]:
        yield f"{at}: added: {', '.join(added)}"
    for name in (name for name in names if name in others):
        yield from find_differences(said[names.index(name)], passed[others.index(name)], f"{at}/{name}")
    if not missing and not added and names != others:
        yield f"{at}: in another order: {', '.join(others)}"


def _names(values: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the names of a list of named things, each once; nothing where it is another list."""
    keys = [one.get("uri", one.get("uriTemplate", one.get("name"))) for one in values if isinstance(one, dict)]
    names = [key for key in keys if isinstance(key, str)]
    return tuple(names) if values and len(names) == len(values) == len(set(names)) else None


def _short(value: Any) -> str:
    text = value if value is _ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def shown(compared: Compared) -> list[str]:
    """Return the first differences, and how many more there are."""
    more = len(compared.differences) - _SHOWN_DIFFERENCES
    return [*compared.differences[:_SHOWN_DIFFERENCES], *([f"and {more} more"] if more > 0 else [])]
