"""Patterns that an argument could escape are told of; those that it cannot are left alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.policy.escapes import escapable_patterns
from mediator.policy.finding import Severity
from mediator.policy.policy import Scope
from tests.promises import promise
from tests.unit.policy.read import CALLS, ON_READ, policies_of

SRV = 'context.args.path like "/srv/*"'
UP = 'context.args.path like "*..*"'
BOTH = 'principal, action in [Mediator::Action::"files/read", Mediator::Action::"files/write"], resource'

ESCAPABLE = {
    "a permit of a place": (f"permit({ON_READ}) when {{ {SRV} }};",),
    "a forbid of everywhere else": (f"forbid({ON_READ}) unless {{ {SRV} }};",),
    "a forbid of a place": (f"forbid({ON_READ}) when {{ {SRV} }};",),
    "a guard that is not asked for beside it": (f"permit({ON_READ}) when {{ {SRV} || !({UP}) }};",),
    "a guard the wrong way round": (f"permit({ON_READ}) when {{ {SRV} && {UP} }};",),
    "a guard of another argument": (f'permit({ON_READ}) when {{ {SRV} && !(context.args.other like "*..*") }};',),
    "a guard that another absence lifts": (
        f"permit({ON_READ}) when {{ {SRV} }} unless {{ context.args has other && {UP} }};",
    ),
    "a guard of two paths at once": (
        f'permit({ON_READ}) when {{ {SRV} }} unless {{ {UP} && context.args.other like "*..*" }};',
    ),
    "a forbid of one of two tools": (f"permit({BOTH}) when {{ {SRV} }};", f"forbid({ON_READ}) when {{ {UP} }};"),
    "a forbid for some agents": (
        f"permit({ON_READ}) when {{ {SRV} }};",
        f'forbid(principal in Mediator::Team::"t", action == Mediator::Action::"files/read", resource) when {{ {UP} }};',
    ),
    "a forbid under a condition": (
        f"permit({ON_READ}) when {{ {SRV} }};",
        f"forbid({ON_READ}) when {{ {UP} && context.justified }};",
    ),
    "a permit that guards nothing": (f"permit({ON_READ}) when {{ {SRV} }};", f"permit({ON_READ}) unless {{ {UP} }};"),
}
SAFE = {
    "a guard beside it": (f"permit({ON_READ}) when {{ {SRV} && !({UP}) }};",),
    "a guard in an unless": (f"permit({ON_READ}) when {{ {SRV} }} unless {{ {UP} }};",),
    "a guard further out": (f"permit({ON_READ}) when {{ !({UP}) && (context.justified || {SRV}) }};",),
    "a guard of what may be absent": (
        f"permit({ON_READ}) when {{ {SRV} }} unless {{ context.args has path && {UP} }};",
    ),
    "a forbid of everywhere else, guarded": (f"forbid({ON_READ}) unless {{ {SRV} && !({UP}) }};",),
    "a forbid of a place, guarded": (f"forbid({ON_READ}) when {{ {SRV} || {UP} }};",),
    "a forbid of its own for the tool": (f"permit({ON_READ}) when {{ {SRV} }};", f"forbid({ON_READ}) when {{ {UP} }};"),
    "a pattern without a place": (f'permit({ON_READ}) when {{ context.args.to like "*@example.com" }};',),
    "a pattern of how it ends": (f'permit({ON_READ}) when {{ context.args.path like "*.txt" }};',),
    "a pattern without a wildcard": (f'permit({ON_READ}) when {{ context.args.path like "/srv/a" }};',),
    "a fact of the mediator": (f'permit({CALLS}) when {{ context.method like "tasks/*" }};',),
}


@promise("P7")
@pytest.mark.parametrize("case", ESCAPABLE)
def test_a_pattern_that_an_argument_could_escape_is_told_of(case: str) -> None:
    """standards.md 3.3 (6): `/srv/*` matches `/srv/../etc/passwd`."""
    (found,) = escapable_patterns(policies_of(*ESCAPABLE[case]))
    assert (found.policy_id, found.file, found.line, found.severity) == ("p0", "0.cedar", 1, Severity.WARNING)
    assert 'context.args.path like "/srv/*"' in found.message
    assert 'context.args.path like "*..*"' in found.remedy


@pytest.mark.parametrize("case", SAFE)
def test_a_pattern_that_is_guarded_is_left_alone(case: str) -> None:
    """Ours: a warning that cries wolf is not read."""
    assert list(escapable_patterns(policies_of(*SAFE[case]))) == []


@pytest.mark.parametrize("pattern", ["https://api.example.com*", "https://*.example.com/x", "https://*"])
def test_a_pattern_of_a_url_that_leaves_the_host_open_is_told_of(pattern: str) -> None:
    """Ours: `https://api.example.com*` is also true of `https://api.example.com.evil.example/`."""
    (found,) = escapable_patterns(policies_of(f'permit({ON_READ}) when {{ context.args.url like "{pattern}" }};'))
    assert "does not say where the host ends" in found.message


def test_a_pattern_is_told_once_and_as_it_was_written() -> None:
    """Ours: an escaped star is no wildcard."""
    text = r'context.args.path like "/a\*/*"'
    (found,) = escapable_patterns(policies_of(f"permit({ON_READ}) when {{ {text} || {text} }};"))
    assert text in found.message


def test_what_names_no_item_is_fenced_by_nobody() -> None:
    """Ours: empty is never permission. A set that is fit holds no such policy."""
    place, fence = policies_of(f"permit({ON_READ}) when {{ {SRV} }};", f"forbid({ON_READ}) when {{ {UP} }};")
    assert list(escapable_patterns([place, fence])) == []
    assert len(list(escapable_patterns([replace(place, action=Scope()), fence]))) == 1
