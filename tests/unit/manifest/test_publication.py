"""Publications: what is taken in, and what its publisher is told of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Digest, canonical_bytes, parse_object
from mediator.kind import ItemKind
from mediator.manifest.publication import (
    Entry,
    Known,
    Quota,
    Receipt,
    Rejection,
    State,
    entry_of,
    item_text,
    read_publication,
    receive,
    standing,
    write_publication,
)
from mediator.manifest.signature import sign_manifest, verify_manifest
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, READ, TRUST, manifest_of

TWO = manifest_of(READ, {**READ, "name": "write"}) | {"serial": 5}
ENVELOPE = sign_manifest(TWO, [key_of("signer")])
VERIFIED = verify_manifest(ENVELOPE, TRUST, NOW_MS)
PUBLICATION = read_publication(write_publication(ENVELOPE, "127.0.0.1", NOW_MS))
SAME, OTHER = VERIFIED.digest, Digest("sha256:" + "0" * 64)


def entry(serial: int, digest: Digest = OTHER, size: int = 10) -> Entry:
    return Entry(publisher="signer", serial=serial, digest=digest, size=size)


def test_what_is_kept_is_read_back_as_it_was_signed() -> None:
    """House style: what is stored is the raw form."""
    assert PUBLICATION.envelope == ENVELOPE
    assert (PUBLICATION.name, PUBLICATION.received, PUBLICATION.source) == ("local/files", NOW_MS, "127.0.0.1")
    kept = entry_of(PUBLICATION.manifest, len(ENVELOPE))
    assert kept == Entry(publisher="signer", serial=5, digest=SAME, size=len(ENVELOPE))


def test_what_cannot_be_read_is_refused() -> None:
    """P7."""
    form = parse_object(write_publication(ENVELOPE, "127.0.0.1", NOW_MS))
    for wrong in ({**form, "more": 1}, {**form, "version": 2}, {**form, "envelope": {}}):
        with pytest.raises(Refused) as stop:
            read_publication(canonical_bytes(wrong))
        assert stop.value.reason is Reason.MALFORMED


@promise("P7")
@pytest.mark.parametrize(
    ("published", "elsewhere", "waiting", "receipt"),
    [
        (None, [], [], Receipt.NEW),
        (entry(4), [Known(serial=5), Known(serial=4, digest=OTHER)], [], Receipt.NEW),
        (None, [Known(serial=5, digest=SAME)], [], Receipt.NEW),
        (entry(5, SAME), [Known(serial=9)], [], Receipt.KNOWN),
        (entry(5), [], [], Receipt.OTHER_CONTENT),
        (None, [Known(serial=5, digest=OTHER)], [], Receipt.OTHER_CONTENT),
        (entry(6), [], [], Receipt.OLDER),
        (None, [Known(serial=6)], [], Receipt.OLDER),
        (None, [], [entry(1)] * 3, Receipt.FULL),
        (None, [], [entry(1)] * 2, Receipt.NEW),
        (None, [], [entry(1, size=100_000)], Receipt.FULL),
    ],
)
def test_a_serial_says_one_thing_once(
    published: Entry | None, elsewhere: list[Known], waiting: list[Entry], receipt: Receipt
) -> None:
    """Issue 3."""
    quota = Quota(count_max=3, bytes_max=100_000)
    size = len(ENVELOPE)
    assert receive(VERIFIED, size, published=published, elsewhere=elsewhere, waiting=waiting, quota=quota) is receipt


def test_an_item_of_another_kind_bears_its_kind() -> None:
    """Ours: a prompt and a tool may share a name."""
    assert item_text(ItemKind.TOOL, "read") == "read"
    assert item_text(ItemKind.PROMPT, "read") == "prompt read"


def test_its_publisher_is_told_what_became_of_it() -> None:
    """Issue 3: pending, pinned, or rejected with the reviewer's note."""
    at = "2027-01-15T08:00:00Z"
    no = Rejection(item=None, note="say less", at=NOW_MS)
    of_one = Rejection(item="write", note=None, at=NOW_MS)
    waiting = standing(PUBLICATION, (), [])
    assert waiting == {
        "server": "local/files",
        "state": "pending",
        "serial": 5,
        "digest": SAME,
        "received": at,
        "pinned": [],
        "not_pinned": ["read", "write"],
        "rejected": [],
    }
    pinned = standing(PUBLICATION, {"read", "write"}, [no])
    assert (pinned["state"], pinned["rejected"]) == (State.PINNED.value, [])
    partly = standing(PUBLICATION, {"read"}, [of_one])
    assert (partly["state"], partly["pinned"], partly["not_pinned"]) == ("partly pinned", ["read"], ["write"])
    assert partly["rejected"] == [{"item": "write", "note": None, "at": at}]
    assert standing(PUBLICATION, {"write"}, [of_one])["rejected"] == []  # approved since
    rejected = standing(PUBLICATION, (), [no, of_one])
    assert rejected["state"] == "rejected"
    assert rejected["rejected"] == [
        {"item": None, "note": "say less", "at": at},
        {"item": "write", "note": None, "at": at},
    ]
