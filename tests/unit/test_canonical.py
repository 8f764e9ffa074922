"""The strict reader and the canonical writer, against the public corpora and case by case.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import math
import struct
import sys
import tracemalloc
from enum import StrEnum
from pathlib import Path

import pytest
import rfc8785

from mediator.canonical import (
    DEFAULT_LIMITS,
    DEPTH_CEILING,
    PARSE_ERROR,
    SAFE_INTEGER,
    Json,
    JsonLimits,
    canonical_bytes,
    digest_of,
    digest_of_bytes,
    ordered_bytes,
    parse_json,
    parse_object,
    pointer_to,
    readable_bytes,
)
from mediator.refusal import Reason, Refused

DATA = Path(__file__).resolve().parents[1] / "data"
PARSING = sorted((DATA / "json_test_suite" / "test_parsing").glob("*.json"))
PAIRS = sorted((DATA / "jcs" / "testdata" / "input").glob("*.json"))

# RFC 8259 §4 lets a reader take either member. Two readers that take different ones are an attack: we take neither.
REFUSED_ON_PURPOSE = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def named(prefix: str) -> list[Path]:
    return [path for path in PARSING if path.name.startswith(prefix) and path.name not in REFUSED_ON_PURPOSE]


def refusal_of(raw: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> tuple[Reason, int | None]:
    with pytest.raises(Refused) as stop:
        parse_json(raw, limits)
    return stop.value.reason, stop.value.code


def written_as_json(value: Json) -> bytes:
    """The slow writer's word, for comparing."""
    return rfc8785.dumps(value)


@pytest.mark.corpus
def test_the_corpora_are_whole() -> None:
    """Ours: a corpus that went missing would pass every test over it."""
    assert (len(named("y_")), len(named("n_")), len(named("i_"))) == (93, 188, 35)
    assert {path.name for path in PARSING} >= REFUSED_ON_PURPOSE
    assert len(PAIRS) == 6
    numbers = (DATA / "jcs" / "es6testfile10k.txt").read_bytes()
    assert hashlib.sha256(numbers).hexdigest() == "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892"


@pytest.mark.corpus
@pytest.mark.parametrize("path", named("y_"), ids=lambda path: path.stem)
def test_what_must_be_read_is_read_and_comes_back_equal(path: Path) -> None:
    """JSONTestSuite, y_: a conforming reader takes these."""
    value = parse_json(path.read_bytes())
    assert parse_json(canonical_bytes(value)) == value


@pytest.mark.corpus
@pytest.mark.parametrize("path", named("n_"), ids=lambda path: path.stem)
def test_what_must_not_be_read_is_malformed(path: Path) -> None:
    """JSONTestSuite, n_: a conforming reader refuses these; JSON-RPC 2.0 §5.1 gives the code."""
    assert refusal_of(path.read_bytes()) == (Reason.MALFORMED, PARSE_ERROR)


@pytest.mark.corpus
@pytest.mark.parametrize("path", named("i_"), ids=lambda path: path.stem)
def test_what_may_be_read_is_read_in_one_way_or_refused(path: Path) -> None:
    """JSONTestSuite, i_: either answer conforms; ours must hold on a second reading."""
    try:
        value = parse_json(path.read_bytes())
    except Refused as stop:
        assert stop.reason is Reason.MALFORMED
    else:
        assert parse_json(canonical_bytes(value)) == value


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(REFUSED_ON_PURPOSE))
def test_the_same_key_twice_is_refused_though_the_grammar_allows_it(name: str) -> None:
    """Ours (RFC 8259 §4: behaviour is unpredictable)."""
    raw = (DATA / "json_test_suite" / "test_parsing" / name).read_bytes()
    assert refusal_of(raw) == (Reason.MALFORMED, PARSE_ERROR)


@pytest.mark.corpus
@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_the_reference_pairs_are_written_byte_for_byte(path: Path) -> None:
    """RFC 8785 §3.2.4, the reference implementation's own vectors."""
    written = canonical_bytes(parse_json(path.read_bytes()))
    hexadecimal = (DATA / "jcs" / "testdata" / "outhex" / f"{path.stem}.txt").read_text(encoding="ascii")
    assert written == bytes.fromhex(hexadecimal)
    assert written == (DATA / "jcs" / "testdata" / "output" / path.name).read_bytes()


@pytest.mark.corpus
def test_ten_thousand_numbers_are_written_as_ecmascript_writes_them_and_read_back() -> None:
    """RFC 8785 §3.2.2.3."""
    wrong = []
    for line in (DATA / "jcs" / "es6testfile10k.txt").read_text(encoding="ascii").splitlines():
        bits, _, expected = line.partition(",")
        (number,) = struct.unpack(">d", int(bits, 16).to_bytes(8, "big"))
        if canonical_bytes(number) != expected.encode() or parse_json(expected.encode()) != number:
            wrong.append(line)
    assert wrong == []


@pytest.mark.parametrize(
    ("raw", "value"),
    {
        "an integral fraction is an integer": (b"5.0", 5),
        "so is one with an exponent": (b"1e2", 100),
        "and one with a negative exponent": (b"1500e-2", 15),
        "minus nothing is nothing": (b"-0", 0),
        "in every spelling": (b"-0.0e5", 0),
        "what underflows is nothing": (b"-1e-400", 0),
        "the largest safe integer": (b"9007199254740991", SAFE_INTEGER),
        "the smallest, longer by its sign": (b"-9007199254740991", -SAFE_INTEGER),
        "the smallest, written as a fraction": (b"-9007199254740991.0", -SAFE_INTEGER),
    }.values(),
)
def test_an_integral_number_has_one_reading(raw: bytes, value: int) -> None:
    """RFC 7493 §2.2, and ours: two spellings of one number must not be decided differently."""
    number = parse_json(raw)
    assert (number, type(number)) == (value, int)


@pytest.mark.parametrize(
    ("raw", "value"),
    {
        "beyond the safe integers a number is a double": (b"9007199254740992", 9007199254740992.0),
        "even where digits are lost": (b"9007199254740993", 9007199254740992.0),
        "however long": (b"-123456789012345678901234567890", -1.2345678901234568e29),
        "a fraction": (b"0.1", 0.1),
        "the largest double": (b"1.7976931348623157e308", 1.7976931348623157e308),
    }.values(),
)
def test_any_other_number_is_a_double(raw: bytes, value: float) -> None:
    """RFC 8259 §6, RFC 7493 §2.2."""
    number = parse_json(raw)
    assert (number, type(number)) == (value, float)


@pytest.mark.parametrize(
    "raw",
    {
        "a number beyond the doubles": b"1e309",
        "its negative": b"-1e309",
        "an integer beyond the doubles": b"9" * 400,
        "not a number": b"NaN",
        "infinity": b'{"a":Infinity}',
        "minus infinity": b"[-Infinity]",
        "nothing": b"",
        "only blanks": b" \n",
        "a byte order mark": b"\xef\xbb\xbf{}",
        "another encoding": '{"a":1}'.encode("utf-16-le"),
        "an overlong form": b'"\xc0\xaf"',
        "a surrogate in the bytes": b'"\xed\xa0\x80"',
        "a lone surrogate, escaped": b'"\\ud800"',
        "a lone low surrogate, escaped": b'["\\u0041","\\uDC00"]',
        "a lone surrogate in a key": b'{"\\udfff":1}',
        "surrogates in the wrong order": b'"\\udc00\\ud800"',
        "a control character": b'"\x00"',
        "a line break in a string": b'"a\nb"',
        "something after the end": b"{} {}",
        "a comma too many": b"[1,]",
        "a comment": b"[1]//",
        "single quotes": b"{'a':1}",
        "a blank that is not JSON's": "\u00a0[]".encode(),
        "the same key twice": b'{"a":1,"a":2}',
        "the same key twice, one of them escaped": b'{"path":1,"\\u0070ath":2}',
        "the same key twice, far inside": b'[{"x":[{"a":1,"b":2,"a":1}]}]',
    }.values(),
)
def test_what_is_not_one_plain_json_text_is_malformed(raw: bytes) -> None:
    """RFC 8259 and no more lenient; RFC 7493 §2.1 for surrogates."""
    assert refusal_of(raw) == (Reason.MALFORMED, PARSE_ERROR)


def test_a_pair_of_escaped_surrogates_is_one_character() -> None:
    """RFC 8259 §7."""
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_a_text_may_be_as_long_as_the_limit_and_no_longer() -> None:
    """Ours: refused unread, so that length costs nothing."""
    limits = JsonLimits(bytes_max=4)
    assert parse_json(b"true", limits) is True
    assert refusal_of(b"false", limits) == (Reason.BODY_TOO_LARGE, None)


@pytest.mark.parametrize(("opening", "inmost", "closing"), [(b"[", b"", b"]"), (b'{"a":', b"{}", b"}")])
def test_a_text_may_be_as_deep_as_the_limit_and_no_deeper(opening: bytes, inmost: bytes, closing: bytes) -> None:
    """Ours; the writers that come later must never meet what they cannot nest."""
    brackets = 64 - inmost.count(b"{")
    parse_json(opening * brackets + inmost + closing * brackets)
    too_many = brackets + 1
    assert refusal_of(opening * too_many + inmost + closing * too_many) == (Reason.MALFORMED, PARSE_ERROR)


def test_what_is_wide_or_only_looks_deep_is_read() -> None:
    """Ours: brackets inside strings, and brackets side by side, are no depth."""
    assert parse_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000
    assert parse_json(b"[" + b"{}," * 1000 + b"[]]") == [{}] * 1000 + [[]]


def test_brackets_without_end_are_refused_and_not_a_crash() -> None:
    """JSONTestSuite, n_structure_100000_opening_arrays, taken to our own limit."""
    assert refusal_of(b"[" * 4_000_000) == (Reason.MALFORMED, PARSE_ERROR)


def test_a_detail_says_where_and_never_what() -> None:
    """House style 4: details name no Python type, and hold no foreign text."""
    details = []
    for raw in (b'{"secret":', b'"secret\xff"'):
        with pytest.raises(Refused) as stop:
            parse_json(raw)
        details.append(stop.value.detail)
    assert details == ["not JSON at character 10", "not UTF-8 at byte 7"]


@pytest.mark.parametrize("depth_max", [0, -1, DEPTH_CEILING + 1])
def test_a_depth_that_no_writer_could_follow_cannot_be_set(depth_max: int) -> None:
    """Ours: what was read can always be written."""
    with pytest.raises(ValueError, match="depth_max"):
        JsonLimits(depth_max=depth_max)


@pytest.mark.parametrize("leaf", [1, 0.5])
def test_what_is_as_deep_as_any_limit_allows_can_be_written(leaf: float) -> None:
    """Ours: by both writers, and with an escape that makes the reader look for surrogates."""
    raw = b'["\\u0041",' * DEPTH_CEILING + canonical_bytes(leaf) + b"]" * DEPTH_CEILING
    value = parse_json(raw, JsonLimits(depth_max=DEPTH_CEILING))
    assert canonical_bytes(value) == raw.replace(b"\\u0041", b"A")


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"{}"', b"1"])
def test_an_object_is_asked_for_by_name(raw: bytes) -> None:
    """Ours."""
    assert parse_object(b'{"a":null}') == {"a": None}
    with pytest.raises(Refused) as stop:
        parse_object(raw)
    assert (stop.value.reason, stop.value.code) == (Reason.MALFORMED, PARSE_ERROR)


def test_the_limits_hold_for_objects_too() -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        parse_object(b"{}", JsonLimits(bytes_max=1))
    assert stop.value.reason is Reason.BODY_TOO_LARGE


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "written"),
    {
        "keys are sorted": ({"b": 1, "a": 2, "B": 3}, b'{"B":3,"a":2,"b":1}'),
        "by UTF-16 units, not by code points": (
            {"\U0001f600": 1, "\ufb33": 2},
            '{"\U0001f600":1,"\ufb33":2}'.encode(),
        ),
        "only what must be escaped is": (
            '\x00\x1f\x7f\b\t\n\f\r"\\/é',
            '"\\u0000\\u001f\x7f\\b\\t\\n\\f\\r\\"\\\\/é"'.encode(),
        ),
        "constants": ([None, True, False], b"[null,true,false]"),
        "tuples": ((1, ("a",)), b'[1,["a"]]'),
        "string enums": ({"colour": Colour.RED}, b'{"colour":"red"}'),
        "string enums as keys": ({Colour.RED: 1}, b'{"red":1}'),
        "integers at both ends": ([SAFE_INTEGER, -SAFE_INTEGER], b"[9007199254740991,-9007199254740991]"),
        "an integral double": ([5.0, -0.0], b"[5,0]"),
        "a large double": (1e21, b"1e+21"),
        "nothing": ([{}, [], (), ""], b'[{},[],[],""]'),
    }.values(),
)
def test_a_value_is_written_in_one_way(value: Json, written: bytes) -> None:
    """RFC 8785 §3.2."""
    assert canonical_bytes(value) == written == written_as_json(value)


def endless() -> list[Json]:
    inside: list[Json] = []
    inside.append(inside)
    return inside


def deep(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    {
        "not a number": math.nan,
        "infinity": [math.inf],
        "an integer that no double holds": SAFE_INTEGER + 1,
        "the same inside": {"a": [-SAFE_INTEGER - 1]},
        "a lone surrogate": "\ud800",
        "a lone surrogate in a key": {"\ud800": 1},
        "a lone surrogate beside a double": ["\ud800", 0.5],
        "bytes": b"a",
        "a set": {"a": {1}},
        "a key that is no string": {1: 2},
        "a thing with a float and a strange key": {"a": 0.5, 2: 1},
        "a list in itself": endless(),
        "a list too deep for one writer": deep(300),
        "a list too deep for all of them": deep(100_000),
    }.values(),
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_canonical_form_is_a_value_error(value: Json) -> None:
    """Ours: a digest of something that reads otherwise elsewhere would be worse than none."""
    with pytest.raises(ValueError):
        canonical_bytes(value)


def test_what_people_review_stands_over_several_lines_and_is_read_as_the_same_value() -> None:
    """Ours: manifests are reviewed as text."""
    value: Json = {"b": [1, 1.5, "é"], "a": {"c": None}}

    assert readable_bytes(value).decode().splitlines()[:3] == ["{", '  "a": {', '    "c": null']
    assert readable_bytes(value).endswith(b"}\n")
    assert parse_json(readable_bytes(value)) == value
    with pytest.raises(ValueError):
        readable_bytes({"a": float("nan")})


def test_what_somebody_else_keeps_stays_in_their_order() -> None:
    """Ours: a file of a host's is added to, and not written anew."""
    assert ordered_bytes({"b": 1, "a": ["é"]}) == '{\n  "b": 1,\n  "a": [\n    "é"\n  ]\n}\n'.encode()
    with pytest.raises(ValueError):
        ordered_bytes({"a": float("nan")})


def test_a_digest_is_over_the_canonical_bytes() -> None:
    """FIPS 180-4's own vector for `abc`, and RFC 8785 for the rest."""
    assert digest_of_bytes(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of({"b": 1.0, "a": []}) == digest_of_bytes(b'{"a":[],"b":1}')
    assert digest_of({"b": 1, "a": []}) != digest_of({"b": "1", "a": []})


def test_a_pointer_escapes_what_would_mislead() -> None:
    """RFC 6901 §3 and §5."""
    assert pointer_to() == ""
    assert pointer_to("a/b", "m~n", 0, "") == "/a~1b/m~0n/0/"
    assert pointer_to("~1") == "/~01"


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"[1,2,3]", 4),
        (b'[",,,,[[[{{{","\\",[\\\\"]', 3),
        (b'{"a":{"b":[]},"c":"\\\\,\\",,"}', 5),
        (b"[[],[],[]]", 7),
        (b'["' + b'\\",' * 99 + b'"]', 2),
    ],
)
def test_as_many_values_as_are_allowed_are_read_and_not_one_more(raw: bytes, values: int) -> None:
    """Ours: what costs is values, not bytes; commas and brackets inside strings are none."""
    parse_json(raw, JsonLimits(values_max=values))
    assert refusal_of(raw, JsonLimits(values_max=values - 1)) == (Reason.BODY_TOO_LARGE, None)


def test_a_text_of_quotes_alone_is_too_full_before_it_is_split() -> None:
    """Ours: counting must not cost what it saves."""
    assert refusal_of(b'"' * 50 + b"," * 10, JsonLimits(values_max=10)) == (Reason.BODY_TOO_LARGE, None)


def test_canonical_bytes_that_are_kept_cost_what_they_say() -> None:
    """Ours: bounds of what is kept (events of streams, messages that wait) count lengths."""
    values: list[Json] = [{"method": "notifications/progress", "params": {"progress": n}} for n in range(100)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [canonical_bytes(value) for value in values]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2 * sum(map(sys.getsizeof, kept))
