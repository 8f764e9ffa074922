"""Principal: a plain value; what makes it is tested beside `identify`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mediator.identity.principal import Principal


def test_a_principal_does_not_change() -> None:
    """House style: frozen values."""
    principal = Principal(actor="a", subject="s", issuer="i", lineage=())
    with pytest.raises(FrozenInstanceError):
        principal.actor = "b"  # type: ignore[misc]  # that it cannot be assigned is what is tested
