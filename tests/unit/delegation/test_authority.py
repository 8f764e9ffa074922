"""Authority: what is matched is seen, what is covered may be called; patterns are closed when they are granted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import JsonObject
from mediator.delegation.authority import Authority, Entry, Rights, find_wider, parse_pattern, parse_pointer
from mediator.delegation.constraint import Constraint, OneOf, PathBelow, Within
from mediator.effect import Effect
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.grants import authority

PRIVILEGED = [effect for effect in Effect if effect.is_privileged]


@pytest.mark.parametrize(
    ("pattern", "server", "tool", "matches"),
    [
        ("clock/now", "clock", "now", True),
        ("clock/now", "clock", "NOW", False),
        ("clock/now", "clock", "now ", False),
        ("clock/now", "clock", "nowhere", False),
        ("clock/now", "xclock", "now", False),
        ("clock/*", "clock", "now", True),
        ("clock/*", "clocks", "now", False),
        ("clock/*", "clock", "", True),
        ("*/now", "clock", "now", True),
        ("*/*", "clock", "now", True),
        ("clock/get_*", "clock", "get_time", True),
        ("clock/get_*", "clock", "reget_time", False),
        ("clock/*_time", "clock", "get_time", True),
        ("clock/*_time", "clock", "get_time_zone", False),
        ("clock/a*b*c", "clock", "a-b-b-c", True),
        ("clock/a*b*c", "clock", "a-c-b", False),
        ("clock/ab*ba", "clock", "aba", False),
        ("clock/ab*ba", "clock", "abba", True),
        ("clock/a**a", "clock", "aa", True),
        ("clock/*b*b*", "clock", "b", False),
        ("clock/g.t", "clock", "get", False),
        ("clock/*", "clock", "line\nbreak", True),
        ("clock/a/b", "clock", "a/b", True),
        ("*/b", "clock/a", "b", True),
        ("clock/b", "clock/a", "b", False),
        ("clock/*", "clock", "prompt:now", True),
        ("clock/*", "clock", "resource:file:///a", True),
        ("clock/prompt:*", "clock", "prompt:now", True),
        ("clock/prompt:*", "clock", "now", False),
        ("clock/now", "clock", "prompt:now", False),
        ("clock/prompt:now", "clock", "now", False),
        ("clock/prompt:now", "clock", "resource:now", False),
        ("files/resource:file:///srv/*", "files", "resource:file:///srv/a", True),
        ("files/resource:file:///srv/*", "files", "resource:file:///etc/a", False),
        ("files/resource:file:///srv{/path*}", "files", "resource:file:///srv{/path*}", True),
        ("files/resource:file:///{+path}", "files", "resource:file:///a", False),
    ],
)
def test_a_star_stands_for_any_run_of_characters_in_its_half(
    pattern: str, server: str, tool: str, matches: bool
) -> None:
    """Ours: nothing but `*` is special, and case counts."""
    assert Entry(pattern=pattern, effects=frozenset()).matches(server, tool) is matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_matching_is_that_of_the_shell(pattern: str, text: str) -> None:
    """Ours, against the standard library's matcher."""
    entry = Entry(pattern=f"s/{pattern}", effects=frozenset())
    assert entry.matches("s", text) is fnmatch.fnmatchcase(text, pattern)


def test_a_pattern_of_many_stars_costs_no_more_than_another() -> None:
    """Ours: whoever writes patterns must not be able to stop the loop; a backtracking matcher would not end."""
    entry = Entry(pattern="s/" + "*a" * 64, effects=frozenset())
    assert not entry.matches("s", "a" * 63 + "b")
    assert not entry.matches("s", "b" * 100_000)


@promise("P6")
@pytest.mark.parametrize("effect", PRIVILEGED)
def test_a_star_alone_names_no_privileged_effect(effect: Effect) -> None:
    """Ours."""
    everything = authority(f"*/* {','.join(Effect)}")
    assert everything.matches("files", "remove", 7)
    assert not everything.covers("files", "remove", effect, {}, 7)
    assert everything.covers("files", "remove", Effect.READ, {}, 7)


@promise("P6")
def test_writing_is_named_by_its_server() -> None:
    """Ours: a pattern with a literal server is enough."""
    assert authority("files/* write").covers("files", "save", Effect.WRITE, {}, 7)
    assert not authority("*/save write").covers("files", "save", Effect.WRITE, {}, 7)
    assert not authority("file*/save write").covers("files", "save", Effect.WRITE, {}, 7)


@promise("P6")
@pytest.mark.parametrize("effect", [Effect.DELETE, Effect.SEND, Effect.EXEC])
def test_what_cannot_be_undone_is_named_in_full(effect: Effect) -> None:
    """Ours: a tool that calls itself `*` is named by nobody."""
    assert authority(f"files/remove {effect}").covers("files", "remove", effect, {}, 7)
    for pattern in ("files/*", "*/remove", "files/remov*", "files/remove*", "*/*"):
        assert not authority(f"{pattern} {effect}").covers("files", "remove", effect, {}, 7)
    assert not authority(f"files/* {effect}").covers("files", "*", effect, {}, 7)


@promise("P6")
def test_prompts_and_resources_are_named_as_closely_as_tools() -> None:
    """Ours: a family's template is literal text; one that has a `*` of its own cannot be named in full, and is not."""
    template = "resource:file:///srv/{name}"
    assert authority("files/* read").covers("files", template, Effect.READ, {}, 7)
    assert authority("files/resource:* write").covers("files", template, Effect.WRITE, {}, 7)
    assert not authority("*/resource:* write").covers("files", template, Effect.WRITE, {}, 7)
    assert authority(f"files/{template} send").covers("files", template, Effect.SEND, {}, 7)
    assert not authority("files/resource:* send").covers("files", template, Effect.SEND, {}, 7)
    assert authority("files/prompt:ask exec").covers("files", "prompt:ask", Effect.EXEC, {}, 7)
    assert not authority("files/ask exec").covers("files", "prompt:ask", Effect.EXEC, {}, 7)
    exploding = "resource:file:///srv{/path*}"
    assert not authority(f"files/{exploding} send").covers("files", exploding, Effect.SEND, {}, 7)


def test_an_entry_names_the_effects_that_it_lists() -> None:
    """Ours: one effect brings no other."""
    assert not authority("files/save write").covers("files", "save", Effect.READ, {}, 7)
    assert not authority("files/save read").covers("files", "save", Effect.WRITE, {}, 7)
    assert authority("files/save read", "files/save write").covers("files", "save", Effect.WRITE, {}, 7)
    assert not authority("files/load write").covers("files", "save", Effect.WRITE, {}, 7)


@promise("P3")
def test_what_is_pinned_later_is_out_of_sight() -> None:
    """Ours: patterns are closed when they are granted."""
    given_at_7 = authority("clock/* read", pin_serial=7)
    assert given_at_7.matches("clock", "now", 7)
    assert given_at_7.covers("clock", "now", Effect.READ, {}, 7)
    assert not given_at_7.matches("clock", "now", 8)
    assert not given_at_7.covers("clock", "now", Effect.READ, {}, 8)


@promise("P7")
def test_no_entry_gives_nothing() -> None:
    """Empty is never permission."""
    assert not authority().matches("clock", "now", 1)
    assert not authority().covers("clock", "now", Effect.READ, {}, 1)


def _below(folder: str, **more: Constraint) -> Rights:
    entry = Entry(pattern="files/read", effects=frozenset({Effect.READ}), arguments={"/path": PathBelow(folder)} | more)
    return Rights(entries=(entry,), pin_serial=1)


def test_rights_that_differ_in_a_constraint_alone_are_told_apart_by_their_hashes() -> None:
    """Ours: else an agent that hands on a thousand parts of one tool makes every call look for its rights among them all."""
    assert len({hash(_below(f"/reports/{number}")) for number in range(1000)}) > 990
    assert hash(_below("/a", limit=Within(1, 2))) != hash(_below("/a", limit=Within(1, 3)))


def test_equal_rights_have_equal_hashes_however_they_were_written() -> None:
    """Ours: the order of an object's members says nothing (RFC 8259 §4)."""
    arguments: dict[str, Constraint] = {"/path": PathBelow("/a"), "/limit": Within(1, 2)}
    turned = dict(reversed(arguments.items()))
    one, other = (
        Rights(entries=(Entry(pattern="a/b", effects=frozenset({Effect.READ}), arguments=way),), pin_serial=1)
        for way in (arguments, turned)
    )
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*", "*/*"),
        ("clock/*", "clock/*"),
        ("a-b.c_d/E*", "a-b.c_d/E*"),
        ("s/a/b", "s/a/b"),
        ("clock/prompt:*", "clock/prompt:*"),
        ("*/prompt:time-of_day", "*/prompt:time-of_day"),
        ("files/resource:file:///srv/", "files/resource:file:///srv/"),
        ("files/resource:file:///srv{/path*}", "files/resource:file:///srv{/path*}"),
        (
            "web/resource:https://a.example:8080/x?y=[1]&z=(2)!#t",
            "web/resource:https://a.example:8080/x?y=[1]&z=(2)!#t",
        ),
        ("web/resource:" + "c" * 512, "web/resource:" + "c" * 512),
    ],
)
def test_a_pattern_is_read(text: str, pattern: str) -> None:
    """Ours."""
    assert parse_pattern(text) == pattern


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clock",
        "/",
        "clock/",
        "/now",
        "**",
        "clock/now\n",
        "clock/n w",
        "clock /now",
        "clock/now,",
        "clöck/now",
        "clock/[a-z]",
        "clock/?",
        "clock/\x00",
        "c" * 129 + "/x",
        "x/" + "c" * 129,
        "�/x",
        "clock/prompt:",
        "clock/prompt:a b",
        "clock/prompt:a\n",
        "clock/prompt:a\x00",
        "clock/prompt:a\x7f",
        "clock/prompt:é",
        "clock/other:a",
        "clock/Prompt:a",
        "prompt:a/b",
        "files/resource:",
        "files/resource:file:///a b",
        "files/resource:file:///\t",
        "files/resource:file:///\x1b[31m",
        "files/resource:file:///a\u2028",
        'files/resource:"a"',
        "files/resource:<a>",
        "files/resource:a\\b",
        "files/resource:a|b",
        "files/resource:a^b`",
        "files/resource:" + "c" * 513,
    ],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        parse_pattern(text)
    assert stop.value.reason is Reason.MALFORMED


# --- what comes to what ----------------------------------------------------------------------------------------------

READ = frozenset({Effect.READ})
BELOW_DATA = Entry(pattern="files/read", effects=READ, arguments={"/path": PathBelow("/data")})


@promise("P4")
@pytest.mark.parametrize(
    ("arguments", "is_covered"),
    [
        ({"path": "/data/a"}, True),
        ({"path": "/data/a", "more": 1}, True),
        ({"path": "/etc"}, False),
        ({"path": ["/data/a"]}, False),
        ({"path": None}, False),
        ({"Path": "/data/a"}, False),
        ({}, False),
    ],
)
def test_an_entry_covers_what_keeps_its_constraints(arguments: JsonObject, is_covered: bool) -> None:
    """Design 5.5: a constraint on an absent argument refuses."""
    rights = Rights(entries=(BELOW_DATA,), pin_serial=7)
    assert rights.covers("files", "read", Effect.READ, arguments, 7) is is_covered
    assert rights.matches("files", "read", 7)


@pytest.mark.parametrize(
    ("pointer", "arguments", "is_there"),
    [
        ("/a", {"a": 1}, True),
        ("/a/b", {"a": {"b": 1}}, True),
        ("/a/0", {"a": [1]}, True),
        ("/a/1/b", {"a": [0, {"b": 1}]}, True),
        ("/a~1b", {"a/b": 1}, True),
        ("/a~0b", {"a~b": 1}, True),
        ("/a~01", {"a~1": 1}, True),
        ("/", {"": 1}, True),
        ("/0", {"0": 1}, True),
        ("/a/0", {"a": {"0": 1}}, True),
        ("/a/00", {"a": [1]}, False),
        ("/a/-", {"a": [1]}, False),
        ("/a/-1", {"a": [1]}, False),
        ("/a/1", {"a": [1]}, False),
        ("/a/0", {"a": "1"}, False),
        ("/a/b", {"a": 1}, False),
        ("/a/b", {"a/b": 1}, False),
        ("/a/9999999999", {"a": [1]}, False),
    ],
)
def test_a_pointer_leads_to_one_value_or_to_none(pointer: str, arguments: JsonObject, is_there: bool) -> None:
    """RFC 6901 §4."""
    assert parse_pointer(pointer, "x") == pointer
    entry = Entry(pattern="s/t", effects=READ, arguments={pointer: OneOf(frozenset({b"1"}))})
    assert entry.admits(arguments) is is_there


def test_a_second_entry_may_hold_where_the_first_does_not_of_the_same_argument() -> None:
    """Ours: what is read once is compared with each."""
    entries = tuple(
        Entry(pattern="files/read", effects=frozenset({Effect.READ}), arguments={"/path": PathBelow(path)})
        for path in ("/a", "/b")
    )
    rights = Rights(entries=entries, pin_serial=7)
    assert rights.covers("files", "read", Effect.READ, {"path": "/b/c"}, 7)
    assert not rights.covers("files", "read", Effect.READ, {"path": "/c"}, 7)


@pytest.mark.parametrize("text", ["", "a", "a/b", "/a~", "/a~2", "#/a", "/a\n", "/\x00", "/\u2028", "/" + "a" * 256])
def test_what_is_no_pointer_to_an_argument_is_refused(text: str) -> None:
    """RFC 6901 §3; and ours: the whole of the arguments is none of them."""
    with pytest.raises(Refused) as stop:
        parse_pointer(text, "/0/arguments")
    assert stop.value.reason is Reason.MALFORMED
    assert str(stop.value.sentence).startswith("`/0/arguments`: expected a JSON pointer")
    assert text not in str(stop.value.sentence) or len(text) < 4


@promise("P4")
@pytest.mark.parametrize(
    ("narrow", "wide", "narrows"),
    [
        ("files/read read", "files/* read", True),
        ("files/read_* read", "files/read_* read", True),
        ("files/a*c read", "files/a* read", True),
        ("files/* read", "files/read read", False),
        ("*/read read", "files/read read", False),
        ("files/read write", "files/read read", False),
        ("files/save write", "*/* write", False),
        ("*/save write", "*/* write", True),
        ("files/remove delete", "files/* delete", False),
        ("files/remove delete", "files/remove delete", True),
        ("files/* delete", "*/* delete", True),
    ],
)
def test_an_entry_narrows_another_to_an_effect(narrow: str, wide: str, narrows: bool) -> None:
    """P4 and P6: what names nothing for an effect gives nothing to be handed on."""
    one, other = authority(narrow), authority(wide)
    (effect,) = one.entries[0].effects
    assert one.entries[0].reaches_no_further(other.entries[0], effect) is narrows
    assert one.narrows(other) is narrows


@promise("P4")
def test_an_entry_is_within_others_effect_by_effect() -> None:
    """Ours: two entries give together what neither gives alone; the first that nothing gives is found."""
    wide = authority("files/* read", "files/save write")
    assert find_wider(authority("files/save read,write").entries, wide) is None
    entries = authority("files/save write", "files/load read,write", "x/y send").entries
    assert find_wider(entries, wide) == (entries[1], Effect.WRITE)
    assert find_wider((), wide) is None


@promise("P7")
def test_an_entry_without_effects_is_within_nothing() -> None:
    """Empty is never all, and never nothing either: it would still be seen."""
    empty = Entry(pattern="files/read", effects=frozenset())
    assert find_wider((empty,), authority("*/* read")) == (empty, None)
    rights = Rights(entries=(empty,), pin_serial=7)
    assert not rights.narrows(rights)


@promise("P4")
def test_what_several_links_come_to_is_what_each_of_them_gives() -> None:
    """P4."""
    first, second = authority("files/* read"), authority("*/read read,write", pin_serial=6)
    both = Authority(frozenset({first})).meet(Authority(frozenset({second})))
    assert both == Authority(frozenset({first, second}))
    assert both.matches("files", "read", 6)
    assert both.covers("files", "read", Effect.READ, {}, 6)
    assert not both.matches("files", "read", 7)
    assert not both.matches("files", "load", 6)
    assert not both.covers("files", "read", Effect.WRITE, {}, 6)
    assert both.is_within(Authority(frozenset({first})))
    assert not Authority(frozenset({first})).is_within(both)


@promise("P7")
def test_an_authority_of_no_rights_is_none() -> None:
    """Empty is never permission: all of nothing would be everything."""
    with pytest.raises(ValueError, match="no rights"):
        Authority(frozenset())
