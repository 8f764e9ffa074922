"""Targets have one spelling, and are read from the call's own arguments.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json
from mediator.manifest.entry import Target
from mediator.mediation.targets import PARTS_MAX, read_targets
from mediator.policy.request import NO_TARGETS, TargetFacts
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.judged import a_prompt, a_tool


def read(kind: Target, value: Json, pointer: str = "/to") -> TargetFacts:
    return read_targets(a_tool(targets={pointer: kind}), {"to": value})


def hosts(*names: str) -> TargetFacts:
    return TargetFacts(hosts=frozenset(names))


def paths(*names: str) -> TargetFacts:
    return TargetFacts(paths=frozenset(names))


NORMAL: dict[str, tuple[Target, Json, TargetFacts]] = {
    "a path": (Target.PATH, "/srv/a b.txt", paths("/srv/a b.txt")),
    "a URL": (
        Target.URL,
        "https://api.a.example/v1/pay?x=1",
        TargetFacts(hosts=frozenset({"api.a.example"}), paths=frozenset({"api.a.example/v1/pay"})),
    ),
    "a URL with a port": (
        Target.URL,
        "https://a.example:8443/",
        TargetFacts(hosts=frozenset({"a.example:8443"}), paths=frozenset({"a.example:8443/"})),
    ),
    "a file's URL": (
        Target.URL,
        "file:///etc/a%20b",
        TargetFacts(hosts=frozenset({"file:"}), paths=frozenset({"/etc/a b"})),
    ),
    "a URL without a host": (
        Target.URL,
        "mailto:eve@evil.example",
        TargetFacts(hosts=frozenset({"mailto:"}), paths=frozenset({"eve@evil.example"})),
    ),
    "an address": (Target.ADDRESS, "ada.l+x@a.example", hosts("a.example")),
    "a list of addresses": (Target.ADDRESS, ["a@a.example", "b@b.example", None], hosts("a.example", "b.example")),
    "a destination that is a URL": (
        Target.DESTINATION,
        "s3://bucket/key",
        TargetFacts(hosts=frozenset({"bucket"}), paths=frozenset({"bucket/key"})),
    ),
    "a destination that is a path": (Target.DESTINATION, "/mnt/share", paths("/mnt/share")),
    "a destination that is an address": (Target.DESTINATION, "a@a.example", hosts("a.example")),
    "a destination that is a host": (Target.DESTINATION, "a.example", hosts("a.example")),
    "a destination that is a host with a port": (Target.DESTINATION, "a.example:25", hosts("a.example:25")),
    "a destination that is a name": (Target.DESTINATION, "#Team Red", hosts("#Team Red")),
    "a destination that is somebody": (Target.DESTINATION, "@ada", hosts("@ada")),
    "an account": (Target.ACCOUNT, "DE02 1203 0000", NO_TARGETS),
    "an amount": (Target.AMOUNT, 12.5, NO_TARGETS),
    "null": (Target.PATH, None, NO_TARGETS),
    "no items": (Target.PATH, [], NO_TARGETS),
}


@pytest.mark.parametrize("name", NORMAL)
def test_what_is_in_its_one_form_is_read(name: str) -> None:
    """Design, part 4: of a URL its host and its path, of an address its domain; each item of a list."""
    kind, value, found = NORMAL[name]
    assert read(kind, value) == found


NOT_NORMAL: dict[str, tuple[Target, Json]] = {
    "a path that climbs": (Target.PATH, "/srv/../etc/passwd"),
    "a path that is not absolute": (Target.PATH, "srv/a"),
    "a path with a double separator": (Target.PATH, "/srv//a"),
    "a path with an encoded separator": (Target.PATH, "/srv/..%2fetc"),
    "an empty path": (Target.PATH, ""),
    "a host in upper case": (Target.URL, "https://A.example/"),
    "a URL without a path": (Target.URL, "https://a.example"),
    "a URL with a user": (Target.URL, "https://a.example@evil.example/"),
    "a URL with its own port": (Target.URL, "https://a.example:443/"),
    "a URL that climbs": (Target.URL, "https://a.example/a/../b"),
    "no URL": (Target.URL, "a.example"),
    "an address with a name": (Target.ADDRESS, "Ada <ada@a.example>"),
    "two addresses": (Target.ADDRESS, "a@a.example,b@evil.example"),
    "an address in upper case": (Target.ADDRESS, "a@A.example"),
    "an address at an address": (Target.ADDRESS, "a@[::1]"),
    "an address at a port": (Target.ADDRESS, "a@a.example:25"),
    "an address without a local part": (Target.ADDRESS, "@a.example"),
    "an address with a long local part": (Target.ADDRESS, "a" * 65 + "@a.example"),
    "one of a list": (Target.ADDRESS, ["a@a.example", "b@B.example"]),
    "a destination in upper case": (Target.DESTINATION, "A.example"),
    "a destination with a closing dot": (Target.DESTINATION, "a.example."),
    "a destination as a number": (Target.DESTINATION, "2130706433"),
    "a destination as a hexadecimal number": (Target.DESTINATION, "0X7f000001"),
    "a destination as a short address": (Target.DESTINATION, "127.1"),
    "this machine, shouted": (Target.DESTINATION, "LOCALHOST"),
    "a destination in other letters": (Target.DESTINATION, "\uff45vil"),
    "a destination with a full-width dot": (Target.DESTINATION, "evil\u3002example"),
    "a destination that hides something": (Target.DESTINATION, "team\u200b"),
    "a destination with space around it": (Target.DESTINATION, " team"),
    "an empty destination": (Target.DESTINATION, ""),
    "a destination without end": (Target.DESTINATION, "x" * 257),
    "a destination that is a bad URL": (Target.DESTINATION, "HTTPS://a.example/"),
    "a destination without a scheme": (Target.DESTINATION, "//evil.example/x"),
}


@promise("P1")
@pytest.mark.parametrize("name", NOT_NORMAL)
def test_what_can_be_read_in_two_ways_is_refused_with_its_place_and_form(name: str) -> None:
    """Design, part 4: never normalised for the decision and forwarded otherwise. The value is told nowhere."""
    kind, value = NOT_NORMAL[name]
    with pytest.raises(Refused) as stop:
        read(kind, value)
    assert stop.value.reason is Reason.ARGUMENTS_INVALID
    assert stop.value.sentence == f"the {kind} at `/to` can be read in more than one way"
    assert stop.value.remedy is not None
    assert "evil" not in stop.value.detail + stop.value.remedy


def test_what_is_no_text_is_not_seen_into() -> None:
    """Ours: the places are told, so that a policy can ask a human; what is beside them is read."""
    assert read(Target.ADDRESS, {"mail": "a@a.example"}) == TargetFacts(unread=frozenset({"/to"}))
    assert read(Target.PATH, 7) == TargetFacts(unread=frozenset({"/to"}))
    assert read(Target.ADDRESS, ["a@a.example", {}]) == TargetFacts(
        hosts=frozenset({"a.example"}), unread=frozenset({"/to"})
    )


@pytest.mark.parametrize(
    ("pointer", "value", "found"),
    [
        ("/to/mail", {"mail": "a@a.example"}, hosts("a.example")),
        ("/to/1", ["x", "a@a.example"], hosts("a.example")),
        ("/to/9", ["a@a.example"], NO_TARGETS),
        ("/to/x", ["a@a.example"], NO_TARGETS),
        ("/to/a~1b", {"a/b": "a@a.example"}, hosts("a.example")),
        ("/cc", "a@a.example", NO_TARGETS),
        ("/to/deep/er", "a@a.example", NO_TARGETS),
    ],
)
def test_a_target_is_found_by_its_pointer(pointer: str, value: Json, found: TargetFacts) -> None:
    """RFC 6901. What is absent names nothing."""
    assert read(Target.ADDRESS, value, pointer) == found


def test_what_is_no_tool_or_declares_no_target_has_none() -> None:
    """Ours."""
    assert read_targets(a_prompt(), {"who": "x"}) is NO_TARGETS
    assert read_targets(a_tool(), {"to": "/../"}) is NO_TARGETS


@pytest.mark.parametrize(
    ("kind", "one"), [(Target.ADDRESS, "a@a.example"), (Target.PATH, "/a/b/c"), (Target.DESTINATION, "x" * 9)]
)
def test_a_call_names_no_more_than_policy_looks_at(kind: Target, one: str) -> None:
    """Ours: an agent chooses how long a list is, and each part of it costs the engine microseconds."""
    assert read(kind, [one] * 100) == read(kind, one)
    with pytest.raises(Refused, match="more than 2000 parts") as stop:
        read(kind, [one] * (PARTS_MAX + 1))
    assert stop.value.remedy == "send fewer at a time"
