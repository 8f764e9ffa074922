"""A strategy for JSON values that fit a JSON Schema, roughly: what a caller of a real tool might send, and stranger.

Not a validator: it reads the keywords that real tools use, and who draws from it filters what does not fit after all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

STRANGE: Final = ["", "x", "/srv/a", "*", "null", '"', "\\", "\n", "\x00", "é", "😀", "__entity", 'A::"b"', "9" * 30]
TEXT: Final = st.sampled_from(STRANGE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
INTEGERS: Final = st.sampled_from([0, 1, -1, 2**31, 2**53 - 1, -(2**53) + 1]) | st.integers(-1000, 1000)
NUMBERS: Final = INTEGERS | st.sampled_from([0.5, -1.23456789, 1e-300, 1e15, 1e21, 1e300, -1e300, 5e-324, 2.0**63])
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
_OF_KIND: Final = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": INTEGERS,
    "number": NUMBERS,
    "string": TEXT,
}


def instances(schema: Any, root: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit the schema, roughly."""
    if not isinstance(schema, dict) or depth > 8:
        return ANYTHING
    if isinstance(reference := schema.get("$ref"), str):
        return st.deferred(lambda: instances(_target(root, reference), root, depth + 1))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema and "properties" not in schema:
            return st.one_of([instances(branch, root, depth + 1) for branch in schema[keyword]])
    stated = schema.get("type", "object" if "properties" in schema else None)
    kinds = stated if isinstance(stated, list) else [stated]
    return st.one_of([_of_kind(kind, schema, root, depth) for kind in kinds])


def _of_kind(kind: Any, schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    if kind == "array":
        low = schema.get("minItems", 0)
        return st.lists(instances(schema.get("items"), root, depth + 1), min_size=low, max_size=low + 3)
    if kind == "object":
        return _objects(schema, root, depth)
    if kind in {"integer", "number"} and {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & schema.keys():
        low = schema.get("minimum", schema.get("exclusiveMinimum", -10) + 1)
        return st.integers(int(low), int(schema.get("maximum", max(low, 0) + 10)))
    if kind == "string" and "pattern" in schema:
        return st.from_regex(schema["pattern"])
    return _OF_KIND.get(kind, ANYTHING)


def _objects(schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    properties, required = schema.get("properties", {}), set(schema.get("required", []))
    parts = {name: instances(inner, root, depth + 1) for name, inner in properties.items()}
    named = st.fixed_dictionaries(
        {name: part for name, part in parts.items() if name in required},
        optional={name: part for name, part in parts.items() if name not in required},
    )
    if schema.get("additionalProperties", True) is False:
        return named
    return st.one_of(named, named, st.tuples(st.dictionaries(TEXT, ANYTHING, max_size=2), named).map(_together))


def _together(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    extra, named = pair
    return extra | named


def _target(root: Any, reference: str) -> Any:
    here = root
    for step in reference.removeprefix("#").split("/")[1:]:
        here = here[int(step)] if isinstance(here, list) else here[step.replace("~1", "/").replace("~0", "~")]
    return here
