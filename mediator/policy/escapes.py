"""Patterns that what they are compared with could escape: `/srv/*` is also true of `/srv/../etc/passwd`.

An author who writes such a pattern means a place. What is compared is a text that an agent chose, as it stands. So:

- beside a pattern of a path, the same policy must see to it that a `..` is never allowed; or a forbid of the same items
  does, whoever asks (`forbid (...) when { context.args.path like "*..*" }`)
- a pattern of a URL must end its host, with `/`, before the first `*`

Sound in one direction: a pattern that is not told of here may still be too wide. Conditions are read as `conditions.py`
reads them; a guard that stands where it is not understood is none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias, assert_never

from mediator.policy.conditions import WILDCARD, All, Atom, Either, Formula, Term, conjuncts_of, formula_of
from mediator.policy.finding import PolicyFinding, Severity
from mediator.policy.policy import Policy, Scope, finding_of
from mediator.policy.types import Path, quoted

Fences: TypeAlias = frozenset[tuple[str, Path]]
"""Items, each with a path of the context in which no `..` is allowed by anybody."""

_ARGUMENTS: Final = ("context", "args")
_ANY_PARENT: Final = f"{WILDCARD}..{WILDCARD}"
_HOST_ENDED: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\0]+/", re.ASCII | re.IGNORECASE)
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII | re.IGNORECASE)


def escapable_patterns(policies: Iterable[Policy]) -> Iterator[PolicyFinding]:
    """Yield a finding for each pattern of these policies that an argument could escape."""
    policies = tuple(policies)
    fences = _fences_of(policies)
    for policy in policies:
        told: set[Term] = set()
        for term in _unguarded(_allowing(policy), frozenset()):
            if term not in told and not _is_fenced(policy, term.path, fences):
                told.add(term)
                yield _finding(policy, term)


def _allowing(policy: Policy) -> Formula:
    """Return when this policy lets a call pass: a permit where its conditions are met, a forbid where they are not."""
    return formula_of(policy.conditions, are_met=not policy.forbids)


def _unguarded(formula: Formula, guarded: frozenset[Path]) -> Iterator[Term]:
    """Yield the patterns, whether they must match or must not, beside which a `..` may be allowed."""
    match formula:
        case Atom(term=term):
            if term is not None and term.path not in guarded and _is_escapable(term):
                yield term
        case All():
            parts = tuple(conjuncts_of(formula))
            here = guarded | {path for part in parts if (path := _guard(part)) is not None}
            for part in parts:
                yield from _unguarded(part, here)
        case Either(parts=parts):
            for part in parts:
                yield from _unguarded(part, guarded)
        case _:
            assert_never(formula)


def _guard(formula: Formula) -> Path | None:
    """Return where this allows no `..`, if that is what it says."""
    match formula:
        case Atom(holds=False, term=Term(path=path, operator="like", values=(pattern,))) if pattern == _ANY_PARENT:
            return path
        case Either(
            parts=parts
        ):  # where the argument may be absent it is asked for first: `context.args has path && ...`
            paths = {place for part in parts if (place := _guard(part)) is not None}
            guarded = paths.pop() if len(paths) == 1 else None
            is_guard = all(_guard(part) is not None or _is_absence(part, guarded) for part in parts)
            return guarded if is_guard else None
        case _:
            return None


def _is_absence(formula: Formula, guarded: Path | None) -> bool:
    match formula:
        case Atom(holds=False, term=Term(path=path, operator="has")):
            return guarded is not None and guarded[: len(path)] == path
        case _:
            return False


def _is_escapable(term: Term) -> bool:
    if term.operator != "like" or term.path[:2] != _ARGUMENTS:
        return False
    pattern = str(term.values[0])
    if WILDCARD not in pattern or ".." in pattern:
        return False
    return _is_open_host(pattern) or "/" in pattern.removeprefix(WILDCARD).partition(WILDCARD)[0]


def _is_open_host(pattern: str) -> bool:
    return _URL.match(pattern) is not None and _HOST_ENDED.match(pattern) is None


def _fences_of(policies: Iterable[Policy]) -> Fences:
    found: set[tuple[str, Path]] = set()
    for policy in policies:
        if policy.forbids and policy.principal == Scope() and policy.resource == Scope():
            paths = [_guard(part) for part in conjuncts_of(_allowing(policy))]
            found |= {(item, path) for path in paths if path is not None for item in policy.items}
    return frozenset(found)


def _is_fenced(policy: Policy, path: Path, fences: Fences) -> bool:
    return policy.names_items_only and all((item, path) in fences for item in policy.items)


def _finding(policy: Policy, term: Term) -> PolicyFinding:
    pattern = str(term.values[0])
    parts = (quoted(part)[1:-1].replace("*", r"\*") for part in pattern.split(WILDCARD))
    shown = f'"{"*".join(parts)}"'
    name = ".".join(term.path)
    if _is_open_host(pattern):
        message = f"`{name} like {shown}` does not say where the host ends: a host of somebody else's can match"
        remedy = "write the whole host with the `/` behind it, one `like` for each host"
    else:
        message = f"`{name} like {shown}` can be escaped: a `..` in the argument leads out of what the pattern names"
        guard = f'{name} like "*..*"'
        remedy = (
            f"refuse it in the same policy: `&& !({guard})` where the pattern must match, `|| {guard}` where it "
            "must not"
        )
    return finding_of(policy, message, remedy, Severity.WARNING)
