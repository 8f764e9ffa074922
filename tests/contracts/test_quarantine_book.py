"""What every `QuarantineBook` keeps: each quarantine once, as it was first found; and the epoch moves with it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from mediator.canonical import Digest, JsonObject
from mediator.kind import ItemKind
from mediator.mediation.quarantine import Quarantined, QuarantineKey
from tests.contracts.stores import Store, sqlite_in
from tests.promises import promise

FOUND: JsonObject = {
    "how": "changed",
    "fields": [{"pointer": "/description", "old": "a", "new": "\u202eb", "kind": "x"}],
}


def one(
    name: str = "send", statement: str = "sha256:1", kind: ItemKind = ItemKind.TOOL, since_ms: int = 5
) -> Quarantined:
    return Quarantined(
        key=QuarantineKey("mail", kind, name, Digest(statement)), since_ms=since_ms, found=FOUND | {"since": since_ms}
    )


@promise("P3")
def test_what_is_quarantined_is_kept_as_it_was_found_and_moves_the_epoch(store: Store) -> None:
    """The issue: quarantined until reviewed."""
    assert store.list_quarantined() == ()
    epoch = store.epoch()
    store.quarantine([one(), one("read", since_ms=6)])
    assert list(store.list_quarantined()) == [one(), one("read", since_ms=6)]
    assert store.epoch() > epoch


def test_each_is_kept_once_and_as_it_was_first_found(store: Store) -> None:
    """Ours: what is found later is noted in the ledger."""
    store.quarantine([one()])
    store.quarantine([one(since_ms=9), one(statement="sha256:2", since_ms=9)])
    assert list(store.list_quarantined()) == [one(), one(statement="sha256:2", since_ms=9)]


def test_kinds_have_names_of_their_own(store: Store) -> None:
    """Ours: a tool and a prompt of one name are two items."""
    store.quarantine([one(), one(kind=ItemKind.PROMPT, since_ms=6)])
    assert [quarantined.key.kind for quarantined in store.list_quarantined()] == [ItemKind.TOOL, ItemKind.PROMPT]


@promise("P3")
def test_a_quarantine_outlives_the_process(tmp_path: Path) -> None:
    """The issue: across restarts."""
    with sqlite_in(tmp_path) as store:
        store.quarantine([one()])
    with sqlite_in(tmp_path) as store:
        assert store.list_quarantined() == (one(),)
