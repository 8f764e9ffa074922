"""Every schema inside a schema, by JSON pointer; and what makes a schema unfit to be signed or pinned.

Pure, and no validation: that is `schema.py`. A schema is unfit when it could mean something else tomorrow or
elsewhere, or when two readers could resolve it differently:

- a `$schema` other than draft-07, 2019-09 or 2020-12 (absent means 2020-12, as MCP has it), or one below the root;
- a `$ref` that is not `#` or `#/...` into the same schema, or that points at nothing;
- `$dynamicRef`, `$recursiveRef`, and an `$id` below the root, which would move what a `$ref` means.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject, pointer_to
from mediator.refusal import Reason, Refused


@unique
class Dialect(Enum):
    """The dialects of JSON Schema that a definition may be written in."""

    DRAFT_7 = "draft-07"
    DRAFT_2019_09 = "2019-09"
    DRAFT_2020_12 = "2020-12"


_DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "http://json-schema.org/draft-07/schema": Dialect.DRAFT_7,
        "https://json-schema.org/draft/2019-09/schema": Dialect.DRAFT_2019_09,
        "https://json-schema.org/draft/2020-12/schema": Dialect.DRAFT_2020_12,
    }
)
_ONE_SCHEMA: Final = (
    *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
_SCHEMAS_IN_LIST: Final = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
_SCHEMAS_BY_NAME: Final = (
    *("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"),
)
_MOVING: Final = ("$dynamicRef", "$recursiveRef")


def read_dialect(schema: JsonObject) -> Dialect:
    """Return the dialect that the schema names; raises `Refused(MALFORMED)` for any other."""
    named = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    dialect = _DIALECTS.get(named.removesuffix("#")) if isinstance(named, str) else None
    if dialect is None:
        known = ", ".join(one.value for one in Dialect)
        raise _unfit("/$schema", f"a foreign dialect: expected one of {known}, or none")
    return dialect


def subschemas_of(root: JsonObject) -> Mapping[str, Json]:
    """Return every schema in the schema, itself included, by JSON pointer: also what a `$ref` alone reaches.

    Raises `Refused(MALFORMED)`, naming the place, when the schema is unfit.
    """
    read_dialect(root)
    found: dict[str, Json] = {}
    waiting: list[tuple[str, Json]] = [("", root)]
    while waiting:
        pointer, schema = waiting.pop()
        if pointer in found:
            continue
        found[pointer] = schema
        if isinstance(schema, bool):
            continue
        if not isinstance(schema, dict):
            raise _unfit(pointer, "expected a schema: an object, `true` or `false`")
        _must_stay_put(pointer, schema)
        if "$ref" in schema:
            target = read_reference(schema["$ref"], pointer)
            waiting.append((target, find_at(root, target, pointer)))
        waiting.extend((pointer + below, child) for below, child in _children(schema))
    return MappingProxyType(found)


def read_reference(reference: Json, pointer: str) -> str:
    """Return the JSON pointer that a `$ref` names; raises `Refused(MALFORMED)` unless it is local."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise _unfit(f"{pointer}/$ref", "not local: expected `#` or `#/...`; write the definition into `$defs`")
    try:
        return _PERCENT.sub(lambda escape: bytes((int(escape[1], 16),)), reference[1:].encode()).decode()
    except UnicodeDecodeError as error:
        raise _unfit(f"{pointer}/$ref", "not UTF-8 once its percent-encoding is undone") from error


def find_at(root: JsonObject, target: str, pointer: str) -> Json:
    """Return what stands at a JSON pointer; raises `Refused(MALFORMED)`, in the name of `pointer`, if nothing does."""
    found: Json = root
    for step in target.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and _INDEX.fullmatch(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            raise _unfit(f"{pointer}/$ref", "points at nothing in this schema")
    return found


_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_INDEX: Final = re.compile("0|[1-9][0-9]{0,5}")


def _must_stay_put(pointer: str, schema: JsonObject) -> None:
    for keyword in _MOVING:
        if keyword in schema:
            raise _unfit(f"{pointer}/{keyword}", "expected a plain `$ref`, which means the same from everywhere")
    for keyword in ("$id", "$schema"):
        if pointer and keyword in schema:
            raise _unfit(f"{pointer}/{keyword}", "allowed at the root of the schema only")


def _children(schema: JsonObject) -> Iterator[tuple[str, Json]]:
    for keyword in _ONE_SCHEMA:
        if keyword in schema and not isinstance(schema[keyword], list):
            yield pointer_to(keyword), schema[keyword]
    for keyword in _SCHEMAS_IN_LIST:
        listed = schema.get(keyword)
        if isinstance(listed, list):
            yield from ((pointer_to(keyword, index), child) for index, child in enumerate(listed))
    for keyword in _SCHEMAS_BY_NAME:
        named = schema.get(keyword)
        if isinstance(named, dict):
            # Draft-07's `dependencies` holds lists of names beside schemas.
            children = ((name, child) for name, child in named.items() if not isinstance(child, list))
            yield from ((pointer_to(keyword, name), child) for name, child in children)


def _unfit(pointer: str, detail: str) -> Refused:
    return Refused(Reason.MALFORMED, f"`{pointer or '/'}`: {detail}")
