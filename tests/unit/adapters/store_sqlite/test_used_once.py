"""What may be used once is used once, also by the next process, and is forgotten when it is refused anyway.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.adapters.store_sqlite.used_once import UsedOnce
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def kept(path: Path) -> set[str]:
    with closing(connect(path, 1000)) as connection:
        return {row[0] for row in connection.execute("SELECT key FROM used")}


@promise("P7")
def test_a_second_use_is_none_whoever_asks(path: Path) -> None:
    """RFC 7523 §3, `jti`: across restarts, and across processes on one file."""
    used = UsedOnce(open_engine(path))
    assert used.use("jti:a:1", NOW_MS + 1000, NOW_MS)
    assert not used.use("jti:a:1", NOW_MS + 1000, NOW_MS)
    assert not UsedOnce(open_engine(path)).use("jti:a:1", NOW_MS + 9000, NOW_MS + 999)
    assert used.use("jti:a:2", NOW_MS + 1000, NOW_MS)
    assert used.use("jti:b:1", NOW_MS + 1000, NOW_MS)
    assert used.use("jti:a:1 ", NOW_MS + 1000, NOW_MS)


def test_what_has_run_out_is_forgotten_and_nothing_else(path: Path) -> None:
    """Ours: from `until_ms` on it is refused for its age; the table stays as small as what is live."""
    used = UsedOnce(open_engine(path))
    used.use("early", NOW_MS + 1000, NOW_MS)
    used.use("late", NOW_MS + 2000, NOW_MS)
    assert not used.use("early", NOW_MS + 1000, NOW_MS + 999)
    assert used.use("next", NOW_MS + 3000, NOW_MS + 1000)
    assert kept(path) == {"late", "next"}


@promise("P7")
def test_what_cannot_be_remembered_is_not_used(path: Path) -> None:
    """Fail closed: no answer, rather than a second use."""
    used = UsedOnce(open_engine(path))
    with closing(connect(path, 1000)) as connection:
        connection.execute("DROP TABLE used")
    with pytest.raises(Refused) as stop:
        used.use("a", NOW_MS, NOW_MS)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
