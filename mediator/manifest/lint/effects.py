"""A tool that does more than it declares: by its name, by its annotations, or by what its text says beside its work.

Pure. Measured against the declared effect, or where none was declared against `readOnlyHint`. A name is judged by its
first verb: `list_deleted` lists. An approver has to acknowledge `effect-understated` by this name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json
from mediator.effect import Effect
from mediator.manifest.lint.finding import FindingCode, Hit
from mediator.manifest.lint.reading import read, words_of_name
from mediator.manifest.lint.rule import book, met, rules
from mediator.manifest.lint.visible import excerpt, visible
from mediator.manifest.lint.vocabulary import words

_VERBS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        **dict.fromkeys(
            words(
                "get list show read search find check describe count view fetch query lookup is has preview explain inspect "
                "validate verify compare diff status retrieve load open browse detect scan analyze take export watch "
                "monitor test lint parse render convert calculate compute estimate resolve summarize"
            ),
            Effect.READ,
        ),
        **dict.fromkeys(
            words("write create update insert edit rename modify overwrite upsert patch replace"), Effect.WRITE
        ),
        **dict.fromkeys(
            words("delete remove drop purge wipe destroy erase truncate kill uninstall revoke unlink trash"),
            Effect.DELETE,
        ),
        **dict.fromkeys(words("send publish upload notify tweet transfer pay broadcast"), Effect.SEND),
        **dict.fromkeys(words("exec execute shell bash powershell spawn eval"), Effect.EXEC),
    }
)
_RUN: Final = words("run execute exec")
_RUNNABLE: Final = words("command commands code shell script scripts bash terminal cmd python javascript js")
_SAYS: Final = book(
    *rules(
        FindingCode.EFFECT_UNDERSTATED,
        "its text says more than it declares",
        "deletes|wipes|erases|destroys|drops|purges|uninstalls",
        "removes|overwrites|truncates|resets|clears ..3 file|files|folder|table|tables|account|user|users|branch|record|records|directory|cache|database|disk",
        "sends|uploads|posts|forwards|emails|publishes|transmits|mails|transfers ..6 to|by|via|report|logs|mail",
        "executes|runs ..2 any|arbitrary|shell|the|a ..1 command|commands|code|script|scripts",
    )
)
_REACH: Final = 3
_NOT_ITS_ACT: Final = words(
    "not never without that which who only if when to user users and_not whether cannot was were be been server system "
    "browser page api commit"
)


def effect_of_name(name: str) -> Effect | None:
    """Return the effect that a name speaks of, or None where it speaks of none."""
    spoken = words_of_name(name)
    if not _RUN.isdisjoint(spoken) and not _RUNNABLE.isdisjoint(spoken):
        return Effect.EXEC
    return next((_VERBS[word] for word in spoken if word in _VERBS), None)


def effect_hits(name: str, definition: Mapping[str, Json], effect: Effect | None) -> Iterator[tuple[str, Hit]]:
    """Yield where a definition says more than the effect, with the pointer of the place."""
    annotations = definition.get("annotations")
    hints = annotations if isinstance(annotations, dict) else {}
    declared = effect or (Effect.READ if hints.get("readOnlyHint") is True else None)
    if declared is None:
        return
    by_whom = f"declared `{declared}`" if effect else "`readOnlyHint` says that it only reads"
    named = effect_of_name(name)
    if named is not None and named.is_stricter_than(declared):
        yield "/name", _hit(visible(name), f"the name speaks of `{named}`, {by_whom}")
    if declared is Effect.READ and hints.get("destructiveHint") is True and hints.get("readOnlyHint") is not False:
        yield "/annotations/destructiveHint", _hit("true", f"may destroy, and {by_whom}")
    if effect is Effect.READ and hints.get("readOnlyHint") is False:
        yield "/annotations/readOnlyHint", _hit("false", f"not only reading, and {by_whom}")
    description = definition.get("description")
    if declared is Effect.READ and isinstance(description, str):
        for sentence in read(description):
            if any(_is_its_own_act(sentence.words[: found.start()]) for _, found in met(_SAYS, sentence)):
                shown = excerpt(description, sentence.start, sentence.end)
                yield "/description", _hit(shown, f"its text says more, {by_whom}")


def _is_its_own_act(before: str) -> bool:
    return _NOT_ITS_ACT.isdisjoint(before.split()[-_REACH:])


def _hit(shown: str, detail: str) -> Hit:
    return Hit(code=FindingCode.EFFECT_UNDERSTATED, excerpt=shown.strip(), detail=detail)
