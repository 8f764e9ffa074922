"""One strict JSON reader, one canonical writer, and digests over what it writes.

Pure: no I/O. Everybody who reads JSON that somebody else wrote reads it here; everybody who hashes, signs,
stores or forwards JSON writes it here. Rules:

- RFC 8259 and nothing more lenient: no NaN, no trailing bytes, no byte order mark, valid UTF-8, no lone surrogate.
- A key stands once in an object (RFC 8259 §4 leaves it open; two readers that disagree are an attack).
- Depth and size are bounded.
- A number has one reading (RFC 7493 §2.2): an integral value up to 2^53-1 becomes `int` whatever way it was
  written (`5.0`, `1e2`), -0 becomes 0, any other number is an IEEE double; one that overflows is refused.
- What is written is RFC 8785 (JCS), a fixed point of the reader.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NewType, NoReturn, TypeAlias

import orjson
import rfc8785

from mediator.refusal import Reason, Refused

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
JsonObject: TypeAlias = "dict[str, Json]"
Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits."""

SAFE_INTEGER: Final = 2**53 - 1  # RFC 7493 §2.2
PARSE_ERROR: Final = -32700  # JSON-RPC 2.0 §5.1


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """How large and how deep a text may be before it is refused unread."""

    bytes_max: int = 4 * 1024 * 1024  # the MCP SDK's own body limit
    depth_max: int = 64


DEFAULT_LIMITS: Final = JsonLimits()


def parse_json(raw: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> Json:
    """Read one JSON text, strictly.

    Raises `Refused`: `BODY_TOO_LARGE` over the size limit, `MALFORMED` (with the JSON-RPC code -32700) for
    anything else that is wrong, and nothing but `Refused` whatever the bytes.
    """
    if len(raw) > limits.bytes_max:
        raise Refused(Reason.BODY_TOO_LARGE, f"{len(raw)} bytes where {limits.bytes_max} are allowed")
    try:
        value: Json = _DECODER.decode(raw.decode("utf-8"))
    except Refused:
        raise
    except RecursionError as error:
        raise _malformed("nested too deeply") from error
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are both ValueErrors
        raise _malformed(f"not JSON: {type(error).__name__}") from error
    # A text with few brackets cannot be deep; only the others are walked.
    if raw.count(b"[") + raw.count(b"{") > limits.depth_max and _depth(value) > limits.depth_max:
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
    """Return the RFC 8785 form, of values as `parse_json` gives them (and of tuples and mappings of such).

    `orjson` with sorted keys writes the same bytes fifty times faster where every key is ASCII and no double
    occurs (a property test holds the two equal); elsewhere `rfc8785` writes.

    Raises `ValueError` for what has no such form (NaN, integers beyond 2^53-1, lone surrogates).
    """
    if _is_plain(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    return rfc8785.dumps(value)


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


def _depth(value: Json) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, dict):
            deepest = max(deepest, depth)
            waiting.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            deepest = max(deepest, depth)
            waiting.extend((child, depth + 1) for child in node)
    return deepest


def _is_plain(value: object) -> bool:
    """Tell whether `orjson` writes the RFC 8785 form of this value: ASCII keys, no double, nothing exotic."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -SAFE_INTEGER <= value <= SAFE_INTEGER  # type: ignore[operator]  # narrowed by `kind`, which mypy does not follow
    if kind is dict:
        assert isinstance(value, Mapping)
        return all(type(key) is str and key.isascii() and _is_plain(child) for key, child in value.items())
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))  # type: ignore[call-overload]  # as above
    return False
