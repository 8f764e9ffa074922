"""Laws of the reader and the writer: what is written reads back, one value has one form, no key stands twice.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from typing import cast

import orjson
import pytest
import rfc8785
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mediator import canonical
from mediator.canonical import SAFE_INTEGER, Json, canonical_bytes, digest_of, parse_json
from mediator.refusal import Reason, Refused

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain_keys = st.text(st.characters(max_codepoint=127), max_size=8)
integers = st.integers(-SAFE_INTEGER, SAFE_INTEGER)
doubles = st.floats(allow_nan=False, allow_infinity=False)
plain_leaves = st.none() | st.booleans() | integers | texts
leaves = plain_leaves | doubles


def nested(leaves: st.SearchStrategy[Json], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
    )


values = nested(leaves, texts)
plain_values = nested(plain_leaves, plain_keys)


@given(values)
@example({"\u20ac": 1e-7, "\r": -0.0})
def test_what_is_written_reads_back_equal_and_writes_the_same_again(value: Json) -> None:
    """Ours: canonical is a fixed point of the reader (house style, law 4)."""
    written = canonical_bytes(value)
    assert parse_json(written) == value
    assert canonical_bytes(parse_json(written)) == written


@given(plain_values)
@example('\x7f\u2028\\"/')
@example({"": 0, "A": 1, "a": 2, "\x00": 3, "\x7f": 4})
def test_the_fast_writer_writes_what_the_slow_one_writes(value: Json) -> None:
    """Ours: where keys are ASCII and no double occurs, `orjson` gives RFC 8785's bytes."""
    assert canonical_bytes(value) == rfc8785.dumps(value)
    assert canonical_bytes(value) == orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@given(values)
def test_every_value_is_written_as_the_slow_writer_writes_it(value: Json) -> None:
    """Ours: whichever writer was chosen."""
    assert canonical_bytes(value) == rfc8785.dumps(value)


def reordered(value: Json, random: st.DataObject) -> Json:
    if isinstance(value, dict):
        keys = random.draw(st.permutations(list(value)))
        return {key: reordered(value[key], random) for key in keys}
    if isinstance(value, list):
        return [reordered(child, random) for child in value]
    return value


@given(values, st.data())
def test_the_order_of_keys_never_matters(value: Json, data: st.DataObject) -> None:
    """RFC 8785 §3.2.3."""
    other = reordered(value, data)
    assert canonical_bytes(other) == canonical_bytes(value)
    assert digest_of(other) == digest_of(value)


@given(values, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_spelling_never_matters(value: Json, indent: str | int | None, ascii_only: bool) -> None:
    """Ours: blanks and escapes are no part of a value."""
    spelt = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert canonical_bytes(parse_json(spelt.encode())) == canonical_bytes(value)


@given(texts, values, values, st.booleans(), st.dictionaries(texts, values, max_size=3))
def test_a_key_that_stands_twice_is_never_read(
    key: str, one: Json, two: Json, escaped: bool, rest: dict[str, Json]
) -> None:
    """RFC 8259 §4 leaves it open; ours closes it, however the key is spelt."""
    first = json.dumps(key, ensure_ascii=False)
    second = json.dumps(key, ensure_ascii=escaped)
    between = "".join(f"{json.dumps(name)}:{json.dumps(child)}," for name, child in rest.items())
    raw = f"[{{{first}:{json.dumps(one)},{between}{second}:{json.dumps(two)}}}]".encode()
    with pytest.raises(Refused) as stop:
        parse_json(raw)
    assert stop.value.reason is Reason.MALFORMED


@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()), st.data())
@example(b'"\\ud800"', None)
def test_any_bytes_are_read_in_one_way_or_refused(raw: bytes, data: st.DataObject | None) -> None:
    """Ours: `parse_json` raises `Refused` and nothing else; what it gives can always be written."""
    if data is not None and raw:
        spot = data.draw(st.integers(0, len(raw) - 1))
        raw = raw[:spot] + data.draw(st.binary(max_size=2)) + raw[spot + 1 :]
    try:
        value = parse_json(raw)
    except Refused as stop:
        assert stop.reason is Reason.MALFORMED
    else:
        assert parse_json(canonical_bytes(value)) == value


@given(st.binary(max_size=40) | values.map(lambda value: json.dumps(value, ensure_ascii=False).encode()))
@example(b'{":":1,"a:b":":"}')
@example(b'{"a":1,"a:":2,"a":3}')
@example(b"[-0, -0.0, 1e2, 9007199254740993, 18446744073709551616, 5.0]")
@example(b'{"a" : {"b" :1} , "a" :2}')
def test_what_is_read_at_once_is_what_the_strict_reader_reads(raw: bytes) -> None:
    """Ours: the fast reader answers as the strict one would, type by type, or not at all."""
    value = canonical._read_at_once(raw)
    if not isinstance(value, canonical._Unsure):
        assert repr(value) == repr(canonical._DECODER.decode(raw.decode()))


@given(st.integers())
@example(SAFE_INTEGER)
@example(-SAFE_INTEGER)
@example(SAFE_INTEGER + 1)
@example(10**16)
@example(-(10**15))
def test_an_integer_is_read_exactly_or_as_the_double_that_ecmascript_reads(number: int) -> None:
    """RFC 7493 §2.2."""
    assume(abs(number) < 10**300)
    read = parse_json(str(number).encode())
    assert read == (number if abs(number) <= SAFE_INTEGER else float(number))
    assert type(read) is (int if abs(number) <= SAFE_INTEGER else float)


@given(doubles)
def test_a_double_is_read_as_the_same_double(number: float) -> None:
    """RFC 8259 §6: IEEE 754, and nothing is lost."""
    read = cast("float", parse_json(repr(number).encode()))
    assert read == number
    assert type(read) is (int if number.is_integer() and abs(number) <= SAFE_INTEGER else float)
