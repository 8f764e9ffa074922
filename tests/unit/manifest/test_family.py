"""Families of resources: what they cover, and whether two can name one resource.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.manifest.family import FamilyForm, ResourceFamily, find_overlap, read_family
from mediator.refusal import Reason, Refused


def family(text: str) -> ResourceFamily:
    """A template where there is a variable, a prefix where it ends in `/`, else one URI."""
    form = FamilyForm.TEMPLATE if "{" in text else FamilyForm.PREFIX if text.endswith("/") else FamilyForm.URI
    return read_family(form, text)


COVERS = [
    ("docs://a", "docs://a", True),
    ("docs://a", "docs://ab", False),
    ("docs://a/{page}", "docs://a/b", True),
    ("docs://a/{page}", "docs://a/b%20c", True),
    ("docs://a/{page}", "docs://a/", False),
    ("docs://a/{page}", "docs://a/b/c", False),
    ("docs://a/{page}", "docs://a/..", False),
    ("docs://a/{page}", "docs://a/b%2Fc", False),
    ("docs://a/{page}", "docs://b/c", False),
    ("docs://a/{page}0", "docs://a/b%20", False),
    ("docs://a/{page}.md", "docs://a/b.md", True),
    ("docs://a/{page}.md", "docs://a/b.txt", False),
    ("docs://a/{+path}", "docs://a/b/c?d", True),
    ("docs://a{/page}", "docs://a/b", True),
    ("docs://a{/page}", "docs://a/b/c", False),
    ("repo://{owner}/{name}/contents{/path*}", "repo://o/n/contents/a/b.c", True),
    ("repo://{owner}/{name}/contents{/path*}", "repo://o/n/contents", False),
    ("file:///data/", "file:///data/a/b", True),
    ("file:///data/", "file:///data/", True),
    ("file:///data/", "file:///database", False),
    ("file:///data/", "file:///data/../etc/passwd", False),
    ("file:///data/", "FILE:///data/a", False),
]


@pytest.mark.parametrize(("text", "uri", "covered"), COVERS)
def test_a_family_covers_what_it_says_and_nothing_that_leads_out_of_it(text: str, uri: str, covered: bool) -> None:
    """RFC 6570 §3.2; ours: what is not in normal form is of no family."""
    assert family(text).covers(uri) is covered


OVERLAPS = [
    ("docs://a", "docs://a", True),
    ("docs://a", "docs://b", False),
    ("docs://a", "docs://{page}", True),
    ("docs://a/b", "docs://{page}", False),
    ("db://{a}/x/{b}", "db://{c}/{d}/y", True),
    ("db://{a}/x", "db://{b}/y", False),
    ("db://a/{b}", "db://b/{b}", False),
    ("db://a{/b*}", "db://a/c/{d}", True),
    ("db://a/{+b}", "db://a/x/y", True),
    ("file:///a/", "file:///a/b/", True),
    ("file:///a/", "file:///b/", False),
    ("file:///a/", "file:///a", False),
    ("file:///{v}.md", "file:///{v}.txt", False),
    ("file:///{v}.md", "file:///", True),
]


@pytest.mark.parametrize(("one", "other", "overlap"), OVERLAPS)
def test_whether_two_families_overlap_is_decided(one: str, other: str, overlap: bool) -> None:
    """Issue 3: resource families may not overlap on `/mcp`."""
    assert family(one).overlaps(family(other)) is overlap
    assert family(other).overlaps(family(one)) is overlap
    assert find_overlap(family(one), [family("zzz://z"), family(other)]) == (family(other) if overlap else None)


SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "{v}", "{+w}"]), min_size=1, max_size=3).map("/".join)


@given(SEGMENTS, SEGMENTS, st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=4).map("/".join))
def test_families_that_cover_one_uri_overlap(one: str, other: str, uri: str) -> None:
    """Ours: the decision may say too much, never too little."""
    both = family(f"x://h/{one}"), family(f"x://h/{other}")
    if all(each.covers(f"x://h/{uri}") for each in both):
        assert both[0].overlaps(both[1])


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (FamilyForm.URI, "file:///a/../b"),
        (FamilyForm.URI, "docs://{page}"),
        (FamilyForm.PREFIX, "file:///data"),
        (FamilyForm.PREFIX, "file:///../"),
        (FamilyForm.TEMPLATE, "docs://page"),
        (FamilyForm.TEMPLATE, "{scheme}://h/"),
        (FamilyForm.TEMPLATE, "docs://h/{a}{b}"),
        (FamilyForm.TEMPLATE, "docs://h/{?a}"),
        (FamilyForm.TEMPLATE, "docs://h/{a,b}"),
        (FamilyForm.TEMPLATE, "docs://h/{a:3}"),
        (FamilyForm.TEMPLATE, "docs://h/{a*}"),
        (FamilyForm.TEMPLATE, "docs://h/{a"),
        (FamilyForm.TEMPLATE, "docs://h/%{a}"),
        (FamilyForm.TEMPLATE, "docs://h/../{a}"),
        (FamilyForm.TEMPLATE, "docs://h/{/a}"),
        (FamilyForm.TEMPLATE, "http://h:{port}/"),
    ],
)
def test_what_names_no_family_is_refused(form: FamilyForm, text: str) -> None:
    """Issue 3: normal form or refused; of RFC 6570 what is taken, and a prefix for the rest."""
    with pytest.raises(Refused) as refusal:
        read_family(form, text)
    assert refusal.value.reason is Reason.MALFORMED
