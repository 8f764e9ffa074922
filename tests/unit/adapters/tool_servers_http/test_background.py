"""What outlives the call that began it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.adapters.tool_servers_http.background import Background


async def test_what_was_begun_is_held_until_it_ends() -> None:
    """House style: no loose task."""
    background, may_end = Background(), anyio.Event()
    task = background.begin(may_end.wait())
    assert background._tasks == {task}
    may_end.set()
    with anyio.fail_after(5):
        await task
        await anyio.lowlevel.checkpoint()
    assert background._tasks == set()


@pytest.mark.parametrize("is_stubborn", [False, True])
async def test_the_end_waits_for_so_long_and_ends_the_rest(is_stubborn: bool) -> None:
    """Ours: last words are said; whatever stands is ended."""
    background, said = Background(), []

    async def last_words() -> None:
        await anyio.lowlevel.checkpoint()
        said.append("bye")

    background.begin(last_words())
    if is_stubborn:
        background.begin(anyio.sleep_forever())
    with anyio.fail_after(5):
        await background.aclose(0.05)
    assert said == ["bye"]
    assert background._tasks == set()


async def test_an_end_of_nothing_is_at_once() -> None:
    """Ours."""
    with anyio.fail_after(5):
        await Background().aclose(100)
