"""Unit tests of mediator/edge/places.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.edge.places import Places
from mediator.refusal import Reason, Refused
from tests.promises import promise


@promise("P11")
def test_nobody_takes_the_places_of_others() -> None:
    """Ours (A1): so many for each, and so many in all."""
    places = Places("streams", in_all=3, for_each=2)
    with places.taking("one"), places.taking("one"):
        assert not places.has_room("one")
        with pytest.raises(Refused) as stop, places.taking("one"):
            pass
        with places.taking("other"):
            assert not places.has_room("third")
            assert len(places) == 3

    assert stop.value.reason is Reason.OVERLOADED
    assert len(places) == 0


def test_a_place_is_given_back_however_its_use_ends() -> None:
    """Ours."""
    places = Places("streams", in_all=1, for_each=1)

    def fail() -> None:
        with places.taking("one"):
            raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        fail()

    assert places.has_room("one")
