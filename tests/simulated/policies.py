"""Policies for tests: the set that is shipped, and engines over pinned tools.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mediator.adapters.engine_cedar import CedarEngine, prepare_engine
from mediator.assembly.trust import item_facts
from mediator.canonical import Digest, digest_of
from mediator.manifest.pin import PinSet

DEFAULT_POLICIES: Final = {
    file.name: file.read_text(encoding="utf-8")
    for file in sorted((Path(__file__).resolve().parents[2] / "policies").glob("*.cedar"))
}
ASKING_FOR_MORE: Final = ("proof.cedar", "justification.cedar", "novelty.cedar")
"""The files of the shipped set by which an act needs more than a grant that names it."""

FOR_BEARERS: Final = {name: text for name, text in DEFAULT_POLICIES.items() if name not in ASKING_FOR_MORE}
"""The shipped set of an operator for whom a bearer is enough, without a reason, and for what is new too."""

LIST_ONLY: Final = DEFAULT_POLICIES["listing.cedar"]

_ENGINES: Final[dict[Digest, CedarEngine]] = {}


def engine_of(policies: Mapping[str, str], pins: PinSet) -> CedarEngine:
    """Return the engine over these policies and pins; made once, for it never changes."""
    digest = digest_of([dict(policies), pins.digest])
    if digest not in _ENGINES:
        _ENGINES[digest] = prepare_engine(policies, [item_facts(item) for item in pins.items])
    return _ENGINES[digest]
