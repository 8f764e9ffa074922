"""How a misfit is told: where, as a JSON pointer, and what the pinned schema expects there.

Pure words: it checks nothing. What it says may be read by an agent, so it repeats nothing but keys of the caller's
own (cut, and with whatever does not print spelt out) and what the pinned schema itself says.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from mediator.canonical import SAFE_INTEGER, Json, canonical_bytes, pointer_to
from mediator.manifest.closed_world import APART_KEYWORD

_POINTER_MAX: Final = 200
_EXPECTED_MAX: Final = 200
_UNNAMED: Final = "not a key that the tool's schema names here; keys are spelt exactly as in the schema"
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "const": "expected {}",
        "contains": "expected an item of the kind that the schema asks for",
        "enum": "expected one of {}",
        "exclusiveMaximum": "expected a number below {}",
        "exclusiveMinimum": "expected a number above {}",
        "maxItems": "expected at most {} items",
        "maxLength": "expected at most {} characters",
        "maxProperties": "expected at most {} keys",
        "maximum": "expected at most {}",
        "minItems": "expected at least {} items",
        "minLength": "expected at least {} characters",
        "minProperties": "expected at least {} keys",
        "minimum": "expected at least {}",
        "multipleOf": "expected a multiple of {}",
        "pattern": "expected text that matches the pattern {}",
        "unevaluatedItems": "objects in a list that the tool's schema does not describe: expected none, or empty ones",
        "uniqueItems": "expected items that all differ",
        "anyOf": "expected one of the alternatives that the schema gives",
        "oneOf": "expected exactly one of the alternatives that the schema gives",
        APART_KEYWORD: "a key differs only by its spelling from one that the schema names: spell it exactly so",
    }
)


def tell(path: Sequence[str | int], keyword: str, expected: Json) -> tuple[str, str]:
    """Return where the misfit is and what was expected there, given the keyword that failed and what it says."""
    match keyword, expected:
        case "type", [*types]:
            return show(path), f"expected {' or '.join(map(str, types))}"
        case "required", str(missing):
            return show([*path, missing]), "required, but missing"
        case (("additionalProperties" | "unevaluatedProperties"), [str(unnamed), *_]):
            return show([*path, unnamed]), _UNNAMED
        case (("minimum" | "maximum"), int(bound)) if abs(bound) == SAFE_INTEGER:
            return show(
                path
            ), "an integer beyond 2^53-1 has no exact JSON number: send it as a string, if the tool takes one"
        case "maxProperties", 0:
            return show(path), "an object that the tool's schema does not describe: expected none here, or an empty one"
        case _:
            words = _WORDS.get(keyword, "expected what the schema says")
            return show(path), words.replace("{}", _written(expected)) if "{}" in words else words


def show(path: Sequence[str | int]) -> str:
    """Return the JSON pointer of a path, fit to be printed."""
    pointer = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in pointer_to(*path)) or "/"
    return pointer if len(pointer) <= _POINTER_MAX else pointer[:_POINTER_MAX] + "…"


def _written(expected: Json) -> str:
    text = canonical_bytes(expected).decode()
    return text if len(text) <= _EXPECTED_MAX else text[:_EXPECTED_MAX] + "…"
