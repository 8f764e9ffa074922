"""What may be used once: ids of assertions, each remembered until it is refused for its age anyway.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, final

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import DBAPIError

from mediator.adapters.store_sqlite.schema import refused, used_table


@final
class UsedOnce:
    """Remembers across restarts, and across processes on one file."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine
        self._until_ms: dict[str, int] = {}  # what was used while this process lives, whoever empties the table

    def use(self, key: str, until_ms: int, now_ms: int) -> bool:
        """Tell whether this is its first use; raises `Refused(STORE_UNAVAILABLE)`. What has run out is forgotten."""
        self._until_ms = {used: until for used, until in self._until_ms.items() if until > now_ms}
        if key in self._until_ms:
            return False
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(used_table).where(used_table.c.until_ms <= now_ms))
                wanted = insert(used_table).prefix_with("OR IGNORE").values(key=key, until_ms=until_ms)
                is_first = connection.execute(wanted).rowcount == 1
        except DBAPIError as error:
            raise refused(f"what was used cannot be written: {error.orig}") from error
        self._until_ms[key] = until_ms
        return is_first
