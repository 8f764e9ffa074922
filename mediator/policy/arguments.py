"""JSON arguments as policies read them: prepared readers, one for each tool and each set of wanted attributes.

Reads arguments that fit the pinned schema already; it checks again only what it relies on, and refuses what does not
fit (`ARGUMENTS_INVALID`) instead of guessing. Whatever is given, what comes back holds exactly the attributes of the
type it was prepared for, so that nothing an agent sends can become anything else inside the engine.

- A number is an interval of decimals and its canonical text. Outside decimal's range the bound that does not exist is
  absent, and the number is listed as opaque.
- What a policy cannot see into is a digest, its keys and its size. A key that the record does not name is opaque too.
- Null and absent are both an absent attribute; nulls are listed by pointer. A default is not filled in.
- What policies are shown of one call is bounded, since an agent chooses how long its arrays are: the engine takes 6
  microseconds for a string and 50 for a number. What no policy names may be of any length.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final, TypeAlias, assert_never, final

from mediator.canonical import SAFE_INTEGER, Json, canonical_bytes, digest_of_bytes, pointer_to
from mediator.policy.types import EVERYTHING, Array, Leaf, Member, Path, Paths, Record, Type, below
from mediator.refusal import Reason, Refused

DECIMAL_MAX: Final = Decimal("922337203685477.5807")  # Cedar's decimal: a 64-bit integer of ten-thousandths
DECIMAL_MIN: Final = Decimal("-922337203685477.5808")
_SURELY_DECIMAL: Final = 9e14  # most numbers: within decimal's range without looking closely
_STEP: Final = Decimal("0.0001")
_EXACTLY: Final = Context(prec=40)  # our own: the thread's may have been changed


PARTS_MAX: Final = 2_000  # at most some 15 ms of the engine's time, where a policy wants to see them all
_PARTS_OF_A_NUMBER: Final = 8


@final
@dataclass(slots=True)
class Findings:
    """What reading one call's arguments brings to light, collected on the way. Lives for one reading only."""

    opaque: list[str] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)
    parts: int = 0

    def hide(self, path: Path) -> None:
        """Note that policy cannot see what is here."""
        self.show(1)
        self.opaque.append(pointer_to(*path))

    def miss(self, path: Path) -> None:
        """Note that null is here."""
        self.show(1)
        self.nulls.append(pointer_to(*path))

    def show(self, parts: int) -> None:
        """Count what policy is shown; raise `Refused` beyond the bound."""
        self.parts += parts
        if self.parts > PARTS_MAX:
            raise Refused(
                Reason.ARGUMENTS_INVALID,
                f"more than {PARTS_MAX} parts for policy to see",
                sentence="these arguments have more parts than policy looks at",
                remedy="send fewer at a time",
            )


Reader: TypeAlias = Callable[[Json, Path, Findings], Json]
"""Value, path to it, findings -> what the policy sees. Raises `Refused` for what does not fit."""


def reader_of(kind: Type, wanted: Paths) -> Reader:
    """Return a reader of values of this type. It finds what is opaque everywhere, and returns what is wanted."""
    match kind:
        case Leaf.STRING:
            return _shown(_text) if wanted else _text
        case Leaf.BOOL:
            return _shown(_truth) if wanted else _truth
        case Leaf.LONG:
            return _shown(_integer) if wanted else _integer
        case Leaf.NUMBER:
            return _shown(_number, _PARTS_OF_A_NUMBER) if wanted else _unseen_number
        case Leaf.OPAQUE:
            return _sealed if wanted else _unseen
        case Leaf.STRINGS:
            message = "no argument has this type"
            raise AssertionError(message)
        case Array(items=items):
            return _array_reader(reader_of(items, EVERYTHING if wanted else wanted))  # kept whole or not at all
        case Record(members=members):
            readers = {
                name: (member, below(wanted, name), reader_of(member.type, below(wanted, name)))
                for name, member in members.items()
            }
            return _record_reader(readers)
        case _:
            assert_never(kind)


def _array_reader(read_item: Reader) -> Reader:
    def read(value: Json, path: Path, findings: Findings) -> Json:
        if not isinstance(value, list):
            raise _misfit(path, "an array")
        items = [read_item(item, (*path, str(index)), findings) for index, item in enumerate(value)]
        return {"items": items, "count": len(items)}

    return read


def _record_reader(readers: dict[str, tuple[Member, Paths, Reader]]) -> Reader:
    required = frozenset(name for name, (member, _, _) in readers.items() if member.required)

    def read(value: Json, path: Path, findings: Findings) -> Json:
        if not isinstance(value, dict):
            raise _misfit(path, "an object")
        if missing := required - value.keys():
            raise _misfit((*path, min(missing)), "a value")
        seen: dict[str, Json] = {}
        for name, inner in value.items():
            here = (*path, name)
            if (known := readers.get(name)) is None:
                findings.hide(here)
                continue
            member, wanted, read_inner = known
            if inner is None and member.nullable:
                findings.miss(here)
                continue
            read_value = read_inner(inner, here, findings)
            if wanted:
                seen[name] = read_value
        return seen

    return read


def _shown(read_leaf: Reader, parts: int = 1) -> Reader:
    def read(value: Json, path: Path, findings: Findings) -> Json:
        findings.show(parts)
        return read_leaf(value, path, findings)

    return read


def _text(value: Json, path: Path, _findings: Findings) -> Json:
    if not isinstance(value, str):
        raise _misfit(path, "a string")
    return value


def _truth(value: Json, path: Path, _findings: Findings) -> Json:
    if not isinstance(value, bool):
        raise _misfit(path, "a boolean")
    return value


def _integer(value: Json, path: Path, _findings: Findings) -> Json:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise _misfit(path, "an integer")
    if abs(value) > SAFE_INTEGER:
        # RFC 7493 §2.2: two readers may take such a number for two different ones.
        raise Refused(
            Reason.ARGUMENTS_INVALID,
            f"an integer beyond 2^53-1 at {pointer_to(*path)!r}",
            sentence=f"the integer at `{pointer_to(*path)}` is beyond 2^53-1",
            remedy="send it as a string",
        )
    return int(value)


def _number(value: Json, path: Path, findings: Findings) -> Json:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _misfit(path, "a number")
    text = canonical_bytes(float(value) if abs(value) > SAFE_INTEGER else value).decode()
    exact = Decimal(text)
    seen: dict[str, Json] = {"text": text}
    if exact >= DECIMAL_MIN:
        seen["low"] = f"{min(exact, DECIMAL_MAX).quantize(_STEP, ROUND_FLOOR, _EXACTLY):f}"
    if exact <= DECIMAL_MAX:
        seen["high"] = f"{max(exact, DECIMAL_MIN).quantize(_STEP, ROUND_CEILING, _EXACTLY):f}"
    if len(seen) < 3:  # noqa: PLR2004 - text, low and high
        findings.hide(path)
    return seen


def _unseen_number(value: Json, path: Path, findings: Findings) -> Json:
    is_plain = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _SURELY_DECIMAL
    return None if is_plain else _number(value, path, findings)


def _unseen(value: Json, path: Path, findings: Findings) -> Json:
    if value != {} or not isinstance(value, dict):  # there is nothing to be seen in an empty object
        findings.hide(path)
    return None


def _sealed(value: Json, path: Path, findings: Findings) -> Json:
    _unseen(value, path, findings)
    keys: list[Json] = [*sorted(value)] if isinstance(value, dict) else []
    findings.show(1 + len(keys))
    raw = canonical_bytes(value)
    return {"digest": digest_of_bytes(raw), "keys": keys, "bytes": len(raw)}


def _misfit(path: Path, expected: str) -> Refused:
    pointer = pointer_to(*path)
    return Refused(
        Reason.ARGUMENTS_INVALID,
        f"{expected} was expected at {pointer!r}",
        sentence=f"the pinned schema leads policy to expect {expected} at `{pointer}`",
        remedy=f"send {expected}",
    )
