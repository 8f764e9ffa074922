"""Reading what people wrote: each mistake is told with its place and what was expected.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mediator.canonical import SAFE_INTEGER, Json, digest_of
from mediator.effect import Effect
from mediator.manifest.fields import Fields, malformed, read_fields, write_moment
from mediator.refusal import Reason, Refused


def of(value: Json) -> Fields:
    return read_fields({"a": value}, "/at", ("a",))


def detail(read: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refusal:
        read()
    assert refusal.value.reason is Reason.MALFORMED
    return refusal.value.detail


def test_an_unknown_member_is_an_error_that_names_the_nearest_known_one() -> None:
    """Design 5.3, for manifests alike."""
    told = detail(lambda: read_fields({"name": 1, "efect": 2}, "/tools/0", ("name", "effect")))
    assert told == "`/tools/0/efect`: not a known member: did you mean `effect`? remove the rest"
    assert "did you mean `name`" in detail(lambda: read_fields({"nam": 1}, "", ("effect", "name")))
    assert "did you mean `effect`" in detail(lambda: read_fields({"zzz": 1}, "", ("name", "effect")))


def test_a_missing_member_is_an_error_unless_it_is_optional() -> None:
    """Ours: nothing defaults."""
    assert detail(lambda: read_fields({}, "", ("name",))) == "`/name`: missing: add it"
    assert read_fields({}, "", (), ("name",)).members == {}


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_has_no_members(value: Json) -> None:
    """Ours."""
    assert detail(lambda: read_fields(value, "", ())) == "`/`: expected an object"


TEXT = re.compile("[a-z]+")
LOCAL = "2026-11-23T12:00:00Z"
DIGEST = digest_of("x")


@pytest.mark.parametrize(
    ("read", "good", "found", "bad"),
    [
        (lambda f: f.text("a"), "x y", "x y", (None, 1, "", "a\nb", "\x1b", "x" * 501, [])),
        (lambda f: f.text("a", TEXT, "letters"), "abc", "abc", ("a1", "", None, "abc ")),
        (lambda f: f.text_or_null("a"), None, None, ("", 1)),
        (lambda f: f.text_or_null("a"), "x", "x", (False,)),
        (lambda f: f.count("a", 1), 1, 1, (0, -1, 1.5, True, "1", None, SAFE_INTEGER + 1)),
        (lambda f: f.count("a", 0, 3), 3, 3, (4,)),
        (lambda f: f.count_or_null("a", 1), None, None, (0, False)),
        (lambda f: f.count_or_null("a", 1), 5, 5, ("5",)),
        (lambda f: f.flag("a"), False, False, (0, None, "false")),
        (lambda f: f.moment("a"), "1970-01-01T00:00:01Z", 1000, (0, LOCAL[:-1], LOCAL + "\n", "2026-13-01T00:00:00Z", "2026-11-23T12:00:00+00:00", "٢٠٢٦-11-23T12:00:00Z")),
        (lambda f: f.digest("a"), DIGEST, DIGEST, (DIGEST.upper(), DIGEST[:-1], "", None)),
        (lambda f: f.member_of("a", Effect), "send", Effect.SEND, ("SEND", "", None, ["send"], 1)),
        (lambda f: f.texts("a", TEXT, "letters"), ["b", "a"], frozenset({"a", "b"}), (["a", "a"], ["1"], [1], "a", None)),
        (lambda f: f.items("a"), [1], [1], ({}, None)),
        (lambda f: f.objects("a"), [{}], ({},), ([1], [[]], {}, "x")),
        (lambda f: f.object("a"), {"b": 1}, {"b": 1}, ([], None)),
    ],
)  # fmt: skip
def test_a_member_is_of_its_kind_or_refused(
    read: Callable[[Fields], object], good: Json, found: object, bad: tuple[Json, ...]
) -> None:
    """Ours: nothing is converted."""
    assert read(of(good)) == found
    for value in bad:
        assert detail(lambda value=value: read(of(value))).startswith("`/at/a`: expected ")  # type: ignore[misc]  # bound now


def test_what_was_expected_is_told() -> None:
    """Ours."""
    assert detail(lambda: of("").text("a")) == "`/at/a`: expected 1 to 500 printable characters"
    assert detail(lambda: of("").text("a", TEXT, "letters")) == "`/at/a`: expected letters"


def test_members_below_know_where_they_stand() -> None:
    """Ours."""
    inner = of({"b": 1}).fields("a", ("b",))
    assert (inner.members, inner.where) == ({"b": 1}, "/at/a")
    assert [one.where for one in of([{"b": 1}, {}]).each("a", (), ("b",))] == ["/at/a/0", "/at/a/1"]
    assert detail(lambda: of([{}]).each("a", ("b",))) == "`/at/a/0/b`: missing: add it"
    assert detail(lambda: of({}).each("a", ())).startswith("`/at/a`: expected a list")


def test_a_moment_is_written_as_it_is_read() -> None:
    """RFC 3339, in UTC, to the second."""
    assert write_moment(1_800_000_000_999) == "2027-01-15T08:00:00Z"
    assert of(write_moment(1_800_000_000_000)).moment("a") == 1_800_000_000_000


def test_a_place_is_told_in_what_prints() -> None:
    """House style, 4: newlines never come from data."""
    assert malformed("/a\n\x1b", "wrong").detail == "`/a\\u000a\\u001b`: wrong"
