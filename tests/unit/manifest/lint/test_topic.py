"""What a tool is for, by its name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.manifest.lint.topic import Topic, topics_of


def test_a_name_speaks_of_its_work_in_any_spelling() -> None:
    """Ours."""
    assert topics_of("readSecret") == topics_of("read-secret") == topics_of("read_secret") == {Topic.SECRETS}
    assert topics_of("add") == frozenset()
    assert topics_of("send", "message") == {Topic.SENDING, Topic.TALK}
