"""What stands: out of the reviewers' statements in `pins.lock`, the approvals that hold now, each with enough voices.

Pure: no I/O, no clock. Whether an approval is of what is there is `pin.py`'s to say. Rules, each a reason for which an
approval counts for nothing and is reported:

- A statement holds: an operator's who may, not from the future, and no other statement has its serial. Nobody takes the
  force of a retraction by a wrong clock, or by another statement with its serial: what ends an approval ends it.
- A revocation ends every earlier approval of what it names; a rejection ends those of the manifest that it names.
- Of each person the newest approval of an item counts. Approvals agree when they are of exactly the same thing under the
  same name; of several such groups the one with the newest approval counts.
- As many different persons with different keys as settings ask for must agree. What each of them tightened is tightened.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias, final

from mediator.canonical import Digest, Json, digest_of
from mediator.effect import Effect
from mediator.identity.statement import Act, Keyholders
from mediator.kind import ItemKind
from mediator.manifest.lock import (
    Approval,
    SignedApproval,
    SignedRetraction,
    verify_word,
)
from mediator.refusal import Refused

_Item: TypeAlias = tuple[str, ItemKind, str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StandingApproval:
    """An approval with enough voices: the strictest of their words, and whose they are."""

    approval: Approval
    reviewers: tuple[str, ...]
    keyids: frozenset[str]
    digest: Digest
    """Over the statements: another one, or one more, is another approval."""
    serial: int
    """The newest statement's."""
    voices: tuple[Digest, ...]
    """The statements; first the one that completed it: the oldest of as many newest ones as settings ask for."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """A statement that counts for nothing, or an item with too few voices; `tool` is None where that is not known."""

    server: str
    tool: str | None
    detail: str
    kind: ItemKind = ItemKind.TOOL
    waits: bool = False
    """Whether nothing is wrong with it: other voices are still to come."""


def standing(
    statements: Sequence[bytes], operators: Keyholders, now_ms: int, skew_ms: int, reviewers: int
) -> tuple[tuple[StandingApproval, ...], tuple[Fallen, ...]]:
    """Return the approvals that stand, and what does not with the reason; raises nothing."""
    fallen: list[Fallen] = []
    words = _words_that_hold(statements, operators, now_ms + skew_ms, fallen)
    retractions = [word for word in words if isinstance(word, SignedRetraction)]
    newest: dict[tuple[_Item, str], SignedApproval] = {}
    for word in sorted(words, key=lambda word: word.statement.serial):
        if isinstance(word, SignedApproval) and not any(ends(one, word) for one in retractions):
            newest[item_of(word.approval), word.statement.who] = word
    stands: list[StandingApproval] = []
    for item in sorted({item for item, _ in newest}):
        voices = [signed for (of, _), signed in newest.items() if of == item]
        agreed = _agreed(voices)
        missing = reviewers - len({one.statement.keyid for one in agreed})
        if missing > 0:
            names = ", ".join(f"`{one.statement.who}`" for one in agreed)
            detail = (
                f"{reviewers - missing} of {reviewers} approvals ({names}): another operator reviews and approves it"
            )
            fallen.append(Fallen(server=item[0], kind=item[1], tool=item[2], detail=detail, waits=True))
        else:
            stands.append(_together(agreed, reviewers))
    return tuple(stands), tuple(fallen)


def item_of(approval: Approval) -> _Item:
    """Return what an approval is of: server, kind and name."""
    return approval.server, approval.kind, approval.tool


def ends(retraction: SignedRetraction, signed: SignedApproval) -> bool:
    """Tell whether the retraction, which is later, ends this approval."""
    said, approval = retraction.retraction, signed.approval
    return (
        signed.statement.serial < retraction.statement.serial
        and said.server == approval.server
        and (said.tool is None or (said.kind, said.tool) == (approval.kind, approval.tool))
        and (retraction.statement.act is Act.PIN_REVOKE or said.manifest_serial == approval.manifest_serial)
    )


def is_of_the_same(one: Approval, other: Approval) -> bool:
    """Tell whether two approvals are of exactly the same thing under the same name, however strict each is."""
    return _thing(one) == _thing(other)


def _words_that_hold(
    statements: Sequence[bytes], operators: Keyholders, latest_ms: int, fallen: list[Fallen]
) -> list[SignedApproval | SignedRetraction]:
    held: list[SignedApproval | SignedRetraction] = []
    for index, raw in enumerate(statements):
        try:
            word = verify_word(raw, operators)
        except Refused as refusal:
            fallen.append(Fallen(server="", tool=None, detail=f"`/statements/{index}`: {refusal.detail}"))
            continue
        if word.statement.at > latest_ms:
            fallen.append(_fallen(word, "said in the future: set the clock right, then say it again"))
        if word.statement.at <= latest_ms or isinstance(word, SignedRetraction):
            held.append(word)
    doubled = {serial for serial, times in Counter(word.statement.serial for word in held).items() if times > 1}
    fallen.extend(
        _fallen(word, f"two statements have serial {word.statement.serial}: say it again")
        for word in held
        if word.statement.serial in doubled
    )
    return [word for word in held if word.statement.serial not in doubled or isinstance(word, SignedRetraction)]


def _agreed(voices: Sequence[SignedApproval]) -> list[SignedApproval]:
    """Return the voices that agree with the newest, the newest last."""
    newest = max(voices, key=lambda one: one.statement.serial)
    agreeing = [one for one in voices if is_of_the_same(one.approval, newest.approval)]
    return sorted(agreeing, key=lambda one: one.statement.serial)


def _together(agreed: Sequence[SignedApproval], reviewers: int) -> StandingApproval:
    newest = agreed[-1].statement
    digests = [one.statement.digest for one in agreed]
    return StandingApproval(
        approval=reduce(_stricter, (one.approval for one in agreed)),
        reviewers=tuple(one.statement.who for one in agreed),
        keyids=frozenset(one.statement.keyid for one in agreed),
        digest=newest.digest if len(digests) == 1 else digest_of(list[Json](digests)),
        serial=newest.serial,
        voices=(digests[-reviewers], *digests[:-reviewers], *digests[len(digests) - reviewers + 1 :]),
    )


def _stricter(one: Approval, other: Approval) -> Approval:
    return replace(
        one,
        effect=one.effect if one.effect.is_stricter_than(other.effect) else other.effect,
        sensitivity=max(one.sensitivity, other.sensitivity),
        result_labels=one.result_labels | other.result_labels,
        acknowledged=one.acknowledged | other.acknowledged,
        note=other.note,
    )


def _thing(approval: Approval) -> Approval:
    """Return the approval less what each reviewer decides alone."""
    return replace(
        approval,
        effect=Effect.READ,
        sensitivity=0,
        result_labels=frozenset(),
        acknowledged=frozenset(),
        note=None,
    )


def _fallen(word: SignedApproval | SignedRetraction, detail: str) -> Fallen:
    said = word.approval if isinstance(word, SignedApproval) else word.retraction
    return Fallen(server=said.server, kind=said.kind or ItemKind.TOOL, tool=said.tool, detail=detail)
