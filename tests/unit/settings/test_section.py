"""What holds for every section of the settings.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mediator.settings.section import Section


class _One(Section):
    number: int = 1


def test_a_section_is_frozen_strict_and_knows_all_its_keys() -> None:
    """House style 11: an unknown key is an error, nothing is converted, and no error repeats a value."""
    for tables in ({"number": "hunter2"}, {"other": "hunter2"}):
        with pytest.raises(ValidationError) as error:
            _One.model_validate(tables)
        assert "hunter2" not in str(error.value)
    with pytest.raises(ValidationError):
        _One().number = 2
