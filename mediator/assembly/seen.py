"""What was seen: the highest version of each thing that operators and roots sign, so that no older one comes back.

A file of its own in the private state folder, replaced whole; whoever restores all of `.mediator/` restores it as well.
What is below is refused, what is above is remembered once it was put in force, or written by a command.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from mediator.assembly.folder import find_file, replace_file
from mediator.canonical import canonical_bytes, parse_object
from mediator.refusal import Reason, Refused

SEEN_FILE: Final = "seen.json"


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
    seen = read_seen(state)
    risen = {Signed(name): number for name, number in numbers.items() if number > seen.get(Signed(name), 0)}
    if risen:
        merged = {str(what): number for what, number in {**seen, **risen}.items()}
        replace_file(state / SEEN_FILE, canonical_bytes({**merged}), private=True)
