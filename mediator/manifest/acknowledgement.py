"""What the linter finds in a signed manifest, and what of it a reviewer must accept by name before anything is approved.

Pure. An alarm, and whatever says more than the declared effect, is acknowledged by its code, or nothing is approved. An
acknowledgement of something that was not found is refused: it was meant for something else. What was acknowledged stands
in the statement, which is of one digest; a linter that has learnt more since unpins nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mediator.effect import Effect
from mediator.kind import EntryKey
from mediator.manifest.lint.finding import Finding, LintItem, Neighbour, Severity, instructions_of
from mediator.manifest.lint.lint import lint
from mediator.manifest.signature import VerifiedManifest
from mediator.refusal import Reason, Refused


def findings_in(
    server: str, verified: VerifiedManifest, neighbours: Iterable[Neighbour], at_least: Effect = Effect.READ
) -> tuple[Finding, ...]:
    """Return what the linter finds in all entries and the instructions, each effect taken as at least `at_least`."""
    manifest = verified.manifest
    items = [
        LintItem(
            server=server,
            kind=entry.kind,
            name=entry.name,
            definition=entry.definition,
            effect=at_least if entry.effect is None or at_least.is_stricter_than(entry.effect) else entry.effect,
        )
        for entry in manifest.entries
    ]
    if manifest.instructions is not None:
        items.append(instructions_of(server, manifest.instructions))
    return lint(items, neighbours)


def acknowledge(
    findings: Iterable[Finding], items: Iterable[EntryKey], said: Iterable[tuple[str, str | None]]
) -> Mapping[EntryKey, frozenset[str]]:
    """Return the codes that each of these items' statements acknowledges: `said` holds codes, each of one name or of all.

    An alarm in the instructions counts for every item. Raises `Refused` naming each alarm that is not acknowledged, and
    for an acknowledgement of what was not found.
    """
    keys, words = [*items], {*said}
    there = {
        (one.code.value, key) for one in findings for key in keys if one.kind is None or (one.kind, one.name) == key
    }
    alarms = [
        one
        for one in findings
        if one.severity is Severity.ALARM and (one.kind is None or (one.kind, one.name) in keys)
        if (one.code.value, None) not in words and (one.code.value, one.name) not in words
    ]
    if alarms:
        listed = sorted({f"`{one.code.value}:{one.name}`" if one.name else f"`{one.code.value}`" for one in alarms})
        detail = f"alarms that nobody has acknowledged: {', '.join(listed)}"
        remedy = "`mediator pin review` shows where; what you accept you name: `--acknowledge CODE:TOOL`"
        raise Refused(Reason.MALFORMED, detail, remedy=remedy)
    for code, of in sorted(words, key=str):
        if not any(code == found and of in (None, name) for found, (_, name) in there):
            what = code if of is None else f"{code}:{of}"
            detail = f"`{what}` is acknowledged, and was not found in what is approved"
            raise Refused(Reason.MALFORMED, detail, remedy="`mediator pin review` shows what was found")
    return {key: frozenset(code for code, of in words if of in (None, key[1]) and (code, key) in there) for key in keys}
