"""What was seen: the highest version of each thing that operators and roots sign, so that no older one comes back.

Two files of their own in the private state folder: the numbers, and what stood in `pins.lock`. Each is replaced whole,
by one process at a time, so that none loses what another saw; whoever restores all of `.mediator/` restores them as well.
What is below is refused, what is above is remembered once it was put in force, or written by a command.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from mediator.adapters.owner_flock import take_turns
from mediator.assembly.folder import find_file, naming, replace_file
from mediator.canonical import JsonLimits, canonical_bytes, parse_object
from mediator.identity.statement import Keyholders
from mediator.manifest.lock import parse_lock, words_that_verify
from mediator.manifest.put_back import NOTHING_SEEN, SeenPins, read_seen_form, see
from mediator.refusal import Reason, Refused

SEEN_FILE: Final = "seen.json"
SEEN_PINS_FILE: Final = "seen_pins.json"
_LOCK_FILE: Final = "seen.lock"
_PINS_LIMITS: Final = JsonLimits(bytes_max=16 * 1024 * 1024)  # more statements than `pins.lock` can hold


@unique
class Signed(StrEnum):
    """What rises, by the name under which its highest number is kept."""

    TRUST = "trust"
    PINS = "pins"
    POLICIES = "policies"
    ACCEPTED = "accepted"


def read_seen(state: Path) -> Mapping[Signed, int]:
    """Return the highest number that was seen of each; raises `Refused(MALFORMED)` for a file in any other form."""
    raw = find_file(state / SEEN_FILE)
    members = {} if raw is None else parse_object(raw)
    seen: dict[Signed, int] = {}
    for name, number in members.items():
        if name not in tuple(Signed) or type(number) is not int or number < 0:
            detail = f"`{state / SEEN_FILE}` is not as it was written: restore it, and the state beside it"
            raise Refused(Reason.MALFORMED, detail)
        seen[Signed(name)] = number
    return seen


def refuse_older(state: Path, what: Signed, number: int, where: Path) -> None:
    """Raise `Refused(BAD_CREDENTIAL)` where a higher number was seen than stands in that file."""
    highest = read_seen(state).get(what, 0)
    if number < highest:
        detail = (
            f"`{where}`: {number} is below {highest}, which was seen before: an older file was put back; restore it"
        )
        raise Refused(Reason.BAD_CREDENTIAL, detail)


def remember(state: Path, **numbers: int) -> None:
    """Remember these numbers where they are higher than what was seen."""
    with take_turns(state / _LOCK_FILE):
        _raise(state, numbers)


def read_seen_pins(state: Path) -> SeenPins:
    """Return what stood in `pins.lock`; raises `Refused(MALFORMED)` for a file in any other form."""
    raw = find_file(state / SEEN_PINS_FILE)
    with naming(state / SEEN_PINS_FILE):
        return NOTHING_SEEN if raw is None else read_seen_form(parse_object(raw, _PINS_LIMITS))


def remember_pins(state: Path, pins_lock: bytes | None, operators: Keyholders) -> None:
    """Remember what stands in `pins.lock`, and how high it has risen."""
    words = words_that_verify(parse_lock(pins_lock), operators)
    with take_turns(state / _LOCK_FILE):
        seen = read_seen_pins(state)
        if (now := see(words, seen)) != seen:
            replace_file(state / SEEN_PINS_FILE, canonical_bytes(now.as_form()), private=True)
        _raise(state, {"pins": now.serial})


def _raise(state: Path, numbers: Mapping[str, int]) -> None:
    seen = read_seen(state)
    risen = {Signed(name): number for name, number in numbers.items() if number > seen.get(Signed(name), 0)}
    if risen:
        merged = {str(what): number for what, number in {**seen, **risen}.items()}
        replace_file(state / SEEN_FILE, canonical_bytes({**merged}), private=True)
