"""What the contracts of state and evidence run over: every store and every ledger that there is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.stores import Memory, Sqlite, Store, sqlite_in


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield Memory()
        return
    with sqlite_in(tmp_path) as opened:
        yield Sqlite(opened)
