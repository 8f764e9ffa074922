"""One strict JSON reader, one canonical writer, and digests over what it writes.

Pure: no I/O. Everybody who reads JSON that somebody else wrote reads it here; everybody who hashes, signs,
stores or forwards JSON writes it here. Rules:

- RFC 8259 and nothing more lenient: no NaN, no trailing bytes, no byte order mark, valid UTF-8, no lone surrogate.
- A key stands once in an object (RFC 8259 §4 leaves it open; two readers that disagree are an attack).
- Depth, size, and for whoever asks the number of values are bounded.
- A number has one reading (RFC 7493 §2.2): an integral value up to 2^53-1 becomes `int` whatever way it was
  written (`5.0`, `1e2`), -0 becomes 0, any other number is an IEEE double; one that overflows is refused.
- What is written is RFC 8785 (JCS), a fixed point of the reader.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NewType, NoReturn, TypeAlias, final

import orjson
import rfc8785

from mediator.refusal import Reason, Refused

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"
Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits."""

SAFE_INTEGER: Final = 2**53 - 1  # RFC 7493 §2.2
PARSE_ERROR: Final = -32700  # JSON-RPC 2.0 §5.1
DEPTH_CEILING: Final = 200  # below the depth at which either writer gives up (orjson: 254)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """How large, how deep and how full a text may be before it is refused.

    `values_max` bounds what a text from outside costs: a value takes microseconds, and 4 MiB hold a million of them.
    """

    bytes_max: int = 4 * 1024 * 1024  # the MCP SDK's own body limit
    depth_max: int = 64
    values_max: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.depth_max <= DEPTH_CEILING:
            message = f"`depth_max` is {self.depth_max}, and must lie between 1 and {DEPTH_CEILING}"
            raise ValueError(message)


DEFAULT_LIMITS: Final = JsonLimits()


def parse_json(raw: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> Json:
    """Read one JSON text, strictly.

    Raises `Refused`: `BODY_TOO_LARGE` over the size limit, `MALFORMED` (with the JSON-RPC code -32700) for
    anything else that is wrong, and nothing but `Refused` whatever the bytes.
    """
    if len(raw) > limits.bytes_max:
        raise Refused(Reason.BODY_TOO_LARGE, f"{len(raw)} bytes where {limits.bytes_max} are allowed")
    if limits.values_max is not None and _has_more_values_than(limits.values_max, raw):
        detail = f"more than {limits.values_max} values"
        raise Refused(Reason.BODY_TOO_LARGE, detail, sentence=detail)
    try:
        value = _read_at_once(raw)
        if isinstance(value, _Unsure):
            value = _DECODER.decode(raw.decode("utf-8"))
    except RecursionError as error:
        raise _malformed("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise _malformed(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"not JSON at character {error.pos}") from error
    # A text with few brackets cannot be deep; only the others are walked.
    if raw.count(b"[") + raw.count(b"{") > limits.depth_max and _is_deeper_than(limits.depth_max, value):
        raise _malformed(f"nested deeper than {limits.depth_max}")
    if b"\\u" in raw:  # only an escape can bring a lone surrogate past the UTF-8 decoder
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError as error:
            raise _malformed("a lone surrogate") from error
    return value


def parse_object(raw: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonObject:
    """Read one JSON text that must be an object; otherwise as `parse_json`."""
    value = parse_json(raw, limits)
    if not isinstance(value, dict):
        raise _malformed("not a JSON object")
    return value


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 form, of values as `parse_json` gives them (and of tuples and string enums in them).

    `orjson` with sorted keys writes the same bytes fifty times faster where every key is ASCII and no double
    occurs (a property test holds the two equal); elsewhere `rfc8785` writes.

    Raises `ValueError`, and nothing else, for what has no such form: NaN, integers beyond 2^53-1, lone
    surrogates, other types, nesting without end.
    """
    try:
        written = orjson.dumps(value, option=_SORTED)
    except orjson.JSONEncodeError:
        return _written_with_care(value)
    # Written first and judged afterwards: text that is ASCII throughout has no other keys, so that one look at the text
    # stands for one at each key.
    if _is_plain_but_for_keys((value,)) if written.isascii() else _is_plain(value):
        # A copy: `orjson` hands out the whole buffer that it wrote into, 4 KiB at the least, under the length of the text.
        # Whatever is kept of a hundred bytes (events, messages, listings) would cost forty times as much.
        return b"".join((written, b""))
    return _written_with_care(value)


def readable_bytes(value: Json) -> bytes:
    """Return the value over several lines, keys sorted, for a file that people review; the reader gives it back.

    Raises `ValueError` as `canonical_bytes`.
    """
    canonical_bytes(value)  # what has no canonical form has no readable one either
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def ordered_bytes(value: Json) -> bytes:
    """Return the value over several lines, keys as they stand, for a file that somebody else wrote and keeps.

    Raises `ValueError` as `canonical_bytes`.
    """
    canonical_bytes(value)
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def digest_of(value: Json) -> Digest:
    """Return the digest of the value's RFC 8785 form."""
    return digest_of_bytes(canonical_bytes(value))


def digest_of_bytes(raw: bytes) -> Digest:
    """Return `sha256:` and the SHA-256 of these very bytes."""
    return Digest("sha256:" + hashlib.sha256(raw).hexdigest())


def pointer_to(*path: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _malformed(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, code=PARSE_ERROR)


def _pairs(pairs: list[tuple[str, Json]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("the same key twice in one object")
    return members


@final
class _Unsure:
    """What stands for a value where the fast reader cannot answer for the strict one, since JSON's null is a value."""


_UNSURE: Final = _Unsure()


def _read_at_once(raw: bytes) -> Json | _Unsure:
    """Return what the strict reader would, at a third of its cost, or that only the strict reader can say.

    `orjson` is as strict in all but two things. Of two members of one name it keeps one: then a colon of the text is
    missing in what it writes back (which holds as long as no colon is written as an escape). And it reads numbers in
    another way where they have a fraction, an exponent or more than 53 bits.
    """
    if b"\\u" in raw:
        return _UNSURE
    try:
        value: Json = orjson.loads(raw)
        written = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _UNSURE
    is_whole = written.count(b":") == raw.count(b":")
    return value if is_whole and _is_plain_but_for_keys((value,)) else _UNSURE


def _integer(text: str) -> int | float:
    if len(text) <= 16:  # noqa: PLR2004 - sixteen characters never exceed 2^53-1 by more than one digit: checked below
        number = int(text)
        if -SAFE_INTEGER <= number <= SAFE_INTEGER:
            return number
    return _double(text)


def _double(text: str) -> int | float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _malformed("a number beyond the range of a double")
    if number.is_integer() and -SAFE_INTEGER <= number <= SAFE_INTEGER:
        return int(number)
    return number


def _constant(text: str) -> NoReturn:
    raise _malformed(f"`{text}` is no JSON number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_double, parse_constant=_constant, strict=True
)

_CONTAINERS: Final = (dict, list)
_LEAVES: Final = frozenset({str, int, bool, type(None)})
_SORTED: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def _has_more_values_than(values_max: int, raw: bytes) -> bool:
    """Tell whether a text holds more values than that, unread: by commas and brackets; an empty one counts twice."""
    if len(raw) <= values_max or _separators(raw) < values_max:  # most texts: strings counted in, it is few
        return False
    unescaped = raw.replace(rb"\\", b"").replace(rb"\"", b"")  # what is left of `"` begins and ends strings
    if unescaped.count(b'"') > 4 * values_max:  # a key and a string for each value
        return True
    return sum(map(_separators, unescaped.split(b'"')[::2])) >= values_max


def _separators(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _is_deeper_than(depth_max: int, value: Json) -> bool:
    """Tell whether brackets nest deeper than that: one level at a time, so that width costs little."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(depth_max):
        if not level:
            return False
        level = [
            child
            for outer in level
            for child in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(child, _CONTAINERS)
        ]
    return bool(level)


def _written_with_care(value: Json) -> bytes:
    try:
        if _is_plain(value):
            return orjson.dumps(value, option=_SORTED)
        return rfc8785.dumps(value)
    except (orjson.JSONEncodeError, RecursionError) as error:  # a TypeError, by orjson's lights
        message = "this value has no RFC 8785 form"
        raise ValueError(message) from error


def _is_plain_but_for_keys(values: Iterable[object]) -> bool:
    """Tell whether there is no double and nothing exotic among these values and below; a large integer is the writer's."""
    for value in values:
        if type(value) in _LEAVES:
            continue
        if type(value) is dict:
            if not _is_plain_but_for_keys(value.values()):
                return False
        elif type(value) is list or type(value) is tuple:
            if not _is_plain_but_for_keys(value):
                return False
        elif not isinstance(value, str):
            return False
    return True


def _is_plain(value: object) -> bool:
    """Tell whether `orjson` writes the RFC 8785 form of this value: ASCII keys, no double, nothing exotic."""
    if value is None or isinstance(value, str | bool):
        return True
    if type(value) is int:
        return -SAFE_INTEGER <= value <= SAFE_INTEGER
    if type(value) is dict:
        return all(type(key) is str and key.isascii() and _is_plain(child) for key, child in value.items())
    if type(value) is list or type(value) is tuple:
        return all(map(_is_plain, value))
    return False
