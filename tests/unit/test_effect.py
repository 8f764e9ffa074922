"""The five effects and their order.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.effect import Effect
from tests.promises import promise


def test_the_words_are_the_contract() -> None:
    """Ours: manifests, grants and policies spell them so, from the mildest to the strictest."""
    assert [effect.value for effect in Effect] == ["read", "write", "delete", "send", "exec"]


@promise("P6")
@pytest.mark.parametrize("effect", list(Effect))
def test_everything_but_reading_is_privileged(effect: Effect) -> None:
    """Ours: a privileged effect needs an intent that names it, or an approval."""
    assert effect.is_privileged is (effect is not Effect.READ)


@pytest.mark.parametrize(("milder", "stricter"), [(a, b) for i, a in enumerate(Effect) for b in list(Effect)[i + 1 :]])
def test_effects_stand_in_one_order(milder: Effect, stricter: Effect) -> None:
    """Ours: a reviewer may tighten, never loosen."""
    assert stricter.is_stricter_than(milder)
    assert not milder.is_stricter_than(stricter)


@pytest.mark.parametrize("effect", list(Effect))
def test_no_effect_is_stricter_than_itself(effect: Effect) -> None:
    """Ours."""
    assert not effect.is_stricter_than(effect)


def test_a_word_that_is_no_effect_is_an_error() -> None:
    """Ours (P7): unknown is never the mildest."""
    for word in ("", "READ", "none", "admin"):
        with pytest.raises(ValueError):
            Effect(word)
