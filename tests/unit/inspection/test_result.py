"""What a tool server answered, before anybody believes it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.inspection.result import ToolResult


def test_an_answer_is_a_value_that_nobody_changes() -> None:
    """House style 8; and it is another type than `Released`, which alone a reply is made of."""
    answer = ToolResult(result={"content": []}, error=None, size_bytes=14, noise=0)
    assert answer == ToolResult(result={"content": []}, error=None, size_bytes=14, noise=0)
    with pytest.raises(AttributeError):
        answer.noise = 1  # type: ignore[misc]  # what is tried is what is forbidden
