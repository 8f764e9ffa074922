"""The JSON form of constraints: each has one, and whatever is none is refused by its place. An unknown kind is none.

Pure.

| form | holds of |
| --- | --- |
| `{"exact": V}` | this value |
| `{"one_of": [V, ...]}` | one of these |
| `{"prefix": "text"}` | a text that begins so and has one reading (`normal_form.is_plain`) |
| `{"path_below": "/a/b"}` | this path, and what is below it |
| `{"host": "h"}` | a URL of this host, with its port where that is not the scheme's own |
| `{"range": {"min": 1, "max": 9}}` | a number from min to max, either may be missing |
| `{"length": {"min": 1, "max": 9}}` | a text of so many characters, a list of so many items |
| `{"all": [C, ...]}`, `{"any": [C, ...]}` | what each, or one, of these holds of |

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

from mediator.canonical import SAFE_INTEGER, Json, JsonObject, canonical_bytes, parse_json
from mediator.delegation.constraint import (
    AllOf,
    AnyOf,
    Constraint,
    HostIs,
    Length,
    OneOf,
    PathBelow,
    Prefix,
    Within,
)
from mediator.delegation.normal_form import is_host, is_normal_path, is_plain, looks_like_url
from mediator.refusal import Reason, Refused

_DEPTH_MAX: Final = 8  # ours: of `all` and `any` within each other
_PARTS_MAX: Final = 64  # ours: values or constraints in one list
_TEXT_MAX: Final = 2048


def constraint_form(constraint: Constraint) -> JsonObject:
    """Return the JSON form: what is stored and covered by the MAC."""
    match constraint:
        case OneOf(values=values):
            return {"one_of": [parse_json(value) for value in sorted(values)]}
        case Prefix(text=text):
            return {"prefix": text}
        case PathBelow(path=path):
            return {"path_below": path}
        case HostIs(host=host):
            return {"host": host}
        case Within(low=low, high=high):
            return {"range": _bounds_form(low, high)}
        case Length(low=low, high=high):
            return {"length": _bounds_form(low, high)}
        case AllOf(parts=parts):
            return {"all": [constraint_form(part) for part in parts]}
        case AnyOf(parts=parts):
            return {"any": [constraint_form(part) for part in parts]}
        case _:
            assert_never(constraint)


def parse_constraint(form: Json, where: str, depth: int = 0) -> Constraint:
    """Return the constraint of this JSON form; `where` is the JSON pointer to it.

    Raises `Refused(MALFORMED)` naming the place: an unknown kind, an empty list, what is not in its normal form.
    """
    if depth > _DEPTH_MAX:
        raise _bad(where, f"`all` and `any` at most {_DEPTH_MAX} deep")
    if not isinstance(form, dict) or len(form) != 1:
        raise _bad(where, f"one of {', '.join(f'`{kind}`' for kind in _READERS)}, and nothing beside it")
    ((kind, body),) = form.items()
    read = _READERS.get(kind)
    if read is None:
        raise _bad(where, f"one of {', '.join(f'`{known}`' for known in _READERS)}")
    return read(body, f"{where}/{kind}", depth)


def _read_exact(body: Json, _where: str, _depth: int) -> Constraint:
    return OneOf(frozenset({canonical_bytes(body)}))


def _read_one_of(body: Json, where: str, _depth: int) -> Constraint:
    return OneOf(frozenset(map(canonical_bytes, _listed(body, where))))


def _read_prefix(body: Json, where: str, _depth: int) -> Constraint:
    text = _texted(body, where)
    # `https://h` begins `https://h.evil.example/` too.
    is_open = looks_like_url(text) and "/" not in text.partition("://")[2]
    if is_open or not (is_plain(text) or is_plain(f"{text}x")):
        raise _bad(where, "a text in its normal form; of a URL, at least up to the `/` behind its host")
    return Prefix(text)


def _read_path(body: Json, where: str, _depth: int) -> Constraint:
    path = _texted(body, where)
    if not is_normal_path(path):
        raise _bad(where, "an absolute path without `.`, `..`, `//`, a closing `/` or encoded separators")
    return PathBelow(path)


def _read_host(body: Json, where: str, _depth: int) -> Constraint:
    host = _texted(body, where)
    if not is_host(host):
        raise _bad(where, "a host in lower case, with its port where that is not the scheme's own")
    return HostIs(host)


def _read_range(body: Json, where: str, _depth: int) -> Constraint:
    return Within(*_bounds(body, where, (int, float)))


def _read_length(body: Json, where: str, _depth: int) -> Constraint:
    return Length(*_bounds(body, where, (int,)))


def _read_all(body: Json, where: str, depth: int) -> Constraint:
    return AllOf(_parts(body, where, depth))


def _read_any(body: Json, where: str, depth: int) -> Constraint:
    return AnyOf(_parts(body, where, depth))


_READERS: Final[dict[str, Callable[[Json, str, int], Constraint]]] = {
    "exact": _read_exact,
    "one_of": _read_one_of,
    "prefix": _read_prefix,
    "path_below": _read_path,
    "host": _read_host,
    "range": _read_range,
    "length": _read_length,
    "all": _read_all,
    "any": _read_any,
}


def _parts(body: Json, where: str, depth: int) -> tuple[Constraint, ...]:
    return tuple(
        parse_constraint(part, f"{where}/{index}", depth + 1) for index, part in enumerate(_listed(body, where))
    )


def _listed(body: Json, where: str) -> list[Json]:
    if not isinstance(body, list) or not 0 < len(body) <= _PARTS_MAX:  # empty is never all, and here never none
        raise _bad(where, f"a list of 1 to {_PARTS_MAX}")
    return body


def _texted(body: Json, where: str) -> str:
    if not isinstance(body, str) or not 0 < len(body) <= _TEXT_MAX:
        raise _bad(where, f"a text of 1 to {_TEXT_MAX} characters")
    return body


def _bounds(body: Json, where: str, kinds: tuple[type, ...]) -> tuple[int | float | None, int | float | None]:
    if not isinstance(body, dict) or not body or body.keys() - {"min", "max"}:
        raise _bad(where, "`min`, `max` or both")
    for bound in body.values():
        if type(bound) not in kinds:  # a boolean is none of these
            raise _bad(where, "numbers; whole ones, where it is a length")
    low, high = body.get("min"), body.get("max")
    assert isinstance(low, int | float | None)
    assert isinstance(high, int | float | None)
    if max(abs(low or 0), abs(high or 0)) > SAFE_INTEGER:
        raise _bad(where, "numbers within 2^53-1")
    if low is not None and high is not None and low > high:
        raise _bad(where, "a `min` that is no more than `max`: nothing lies between these")
    return low, high


def _bounds_form(low: float | None, high: float | None) -> JsonObject:
    return {name: bound for name, bound in (("min", low), ("max", high)) if bound is not None}


def _bad(where: str, expected: str) -> Refused:
    detail = f"`{where}`: expected {expected}"
    return Refused(Reason.MALFORMED, detail, sentence=detail)
