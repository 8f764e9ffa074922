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
from mediator.canonical import Digest, JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.identity.statement import Keyholders
from mediator.manifest.lock import parse_lock, words_that_verify
from mediator.manifest.put_back import NOTHING_SEEN, SeenPins, read_seen_form, see
from mediator.refusal import Reason, Refused

SEEN_FILE: Final = "seen.json"
SEEN_PINS_FILE: Final = "seen_pins.json"
_TRUST_DIGEST: Final = "trust_digest"
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
    return _read(state)[0]


def read_seen_trust(state: Path) -> tuple[int, Digest | None]:
    """Return the highest version of the trust file, and the digest of what it said where that is known; else as above."""
    numbers, digest = _read(state)
    return numbers.get(Signed.TRUST, 0), digest


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


def remember_trust(state: Path, version: int, digest: Digest) -> None:
    """Remember a version of the trust file, and what it said: it says nothing else from now on."""
    with take_turns(state / _LOCK_FILE):
        _raise(state, {"trust": version}, digest)


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


def _read(state: Path) -> tuple[Mapping[Signed, int], Digest | None]:
    raw = find_file(state / SEEN_FILE)
    members = {} if raw is None else parse_object(raw)
    digest = members.pop(_TRUST_DIGEST, None)
    seen: dict[Signed, int] = {}
    for name, number in members.items():
        if name not in tuple(Signed) or type(number) is not int or number < 0:
            raise _not_as_written(state)
        seen[Signed(name)] = number
    if digest is None:
        return seen, None
    if not isinstance(digest, str) or Signed.TRUST not in seen:
        raise _not_as_written(state)
    return seen, Digest(digest)


def _not_as_written(state: Path) -> Refused:
    detail = f"`{state / SEEN_FILE}` is not as it was written: restore it, and the state beside it"
    return Refused(Reason.MALFORMED, detail)


def _raise(state: Path, numbers: Mapping[str, int], trust_digest: Digest | None = None) -> None:
    seen, known = _read(state)
    now = {**seen, **{Signed(name): number for name, number in numbers.items() if number > seen.get(Signed(name), 0)}}
    digest = known if now.get(Signed.TRUST) == seen.get(Signed.TRUST) else None
    if digest is None and trust_digest is not None and numbers["trust"] == now[Signed.TRUST]:
        digest = trust_digest
    if (now, digest) != (seen, known):
        form: JsonObject = {str(what): number for what, number in now.items()}
        replace_file(
            state / SEEN_FILE, canonical_bytes(form if digest is None else form | {_TRUST_DIGEST: digest}), private=True
        )
