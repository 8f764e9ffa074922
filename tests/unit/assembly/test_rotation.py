"""A rotation obeys one fresh statement of an operator, once; all of it is in force, or none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly.folder import Folder, read_key
from mediator.assembly.issuer import TOKEN_LIFE_MS
from mediator.assembly.issuer_files import retiring_form
from mediator.assembly.mediator import Mediator
from mediator.canonical import JsonObject
from mediator.evidence import Secret
from mediator.identity.identify import identify
from mediator.identity.statement import Act
from mediator.identity.token import VerifiedClaims
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.commands import content_of
from tests.simulated.opened import BASE_URL, OTHER, asks, opened, task_subject


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


def in_use(mediator: Mediator) -> str:
    return mediator.issuer.signing_key.public.keyid


def retire(mediator: Mediator, **asked: Any) -> bytes:
    """Return an operator's statement that retires the key in use."""
    form = retiring_form(mediator.issuer.signing_key.public)
    return asks(mediator, asked.pop("subject", form), **{"act": Act.ISSUER_ROTATE, **asked})


def claims_of(mediator: Mediator, token: Secret, now_ms: int | None = None) -> VerifiedClaims:
    at = mediator.ports.clock.now_ms() if now_ms is None else now_ms
    return identify(token, mediator.trust.snapshot().keys, frozenset({BASE_URL}), at, 30).claims


def notes(home: Folder) -> list[Any]:
    return [entry["body"] for entry in find_entries(home.ledger, Wanted(kind="issuer.rotated")).entries]


@promise("P5", "P9")
async def test_after_a_rotation_the_old_tokens_hold_and_the_new_key_signs(home: Folder) -> None:
    """The issue; and it is on record who rotated, by which statement, and over a restart it is the same."""
    async with opened(home) as mediator:
        grant = mediator.desk.open(asks(mediator, task_subject()))
        token, _ = mediator.desk.token(grant.id)
        old, epoch = in_use(mediator), mediator.store.epoch()

        rotated = mediator.rotation.rotate(statement := retire(mediator))

        new = in_use(mediator)
        assert (rotated["old"], rotated["new"], rotated["erased"]) == (old, new, True)
        assert mediator.store.epoch() > epoch
        fresh, _ = mediator.desk.token(grant.id)
        assert [claims_of(mediator, one).key_id for one in (token, fresh)] == [old, new]
        published = [key.keyid for key in mediator.issuer.public_keys(mediator.ports.clock.now_ms())]
        assert published == [new, old]
        digest = mediator.trust.snapshot().keys.digest
        assert read_key(home.key_file("issuer")).public.keyid == new
    (noted,) = notes(home)
    assert (noted["old"], noted["new"]) == (old, new)
    assert noted["until_ms"] == noted["retired_ms"] + TOKEN_LIFE_MS
    assert statement.decode() not in str(noted)
    async with opened(home) as mediator:
        assert mediator.trust.snapshot().keys.digest == digest
        assert [claims_of(mediator, one).key_id for one in (token, fresh)] == [old, new]


@promise("P7")
async def test_a_statement_rotates_once(home: Folder) -> None:
    """The issue: a replayed one, within its freshness, names a key that is in use no more."""
    async with opened(home) as mediator:
        statement = retire(mediator)
        mediator.rotation.rotate(statement)
        before = content_of(home.state / "keys")
        for _ in range(2):
            with pytest.raises(Refused) as stop:
                mediator.rotation.rotate(statement)
            assert stop.value.reason is Reason.NOT_COVERED
            assert stop.value.remedy
        assert content_of(home.state / "keys") == before
    assert len(notes(home)) == 1


@promise("P7", "P9")
async def test_nobody_but_an_operator_rotates(home: Folder) -> None:
    """A7: an agent's key, a reviewer's, a statement of another act, one that names another key, or more."""
    async with opened(home) as mediator:
        old = in_use(mediator)
        form: JsonObject = {"key": old}
        attempts = {
            "a reviewer": (retire(mediator, who=OTHER), Reason.BAD_CREDENTIAL),
            "an agent": (retire(mediator, who="assistant", kind="agent"), Reason.UNKNOWN_KEY),
            "another act": (retire(mediator, act=Act.TRUST_ACCEPT), Reason.MALFORMED),
            "another key": (retire(mediator, subject={"key": "0" * 64}), Reason.NOT_COVERED),
            "a member more": (retire(mediator, subject={**form, "until_ms": 0}), Reason.NOT_COVERED),
            "nothing": (b"{}", Reason.MALFORMED),
        }
        for name, (statement, reason) in attempts.items():
            with pytest.raises(Refused) as stop:
                mediator.rotation.rotate(statement)
            assert (name, stop.value.reason) == (name, reason)
        late = FixedClock(mediator.ports.clock.now_ms() + 5 * 60_000 + 10_000)
        with pytest.raises(Refused) as stop:
            replace(mediator.rotation, clock=late).rotate(retire(mediator))
        assert stop.value.reason is Reason.EXPIRED_CREDENTIAL
        assert in_use(mediator) == old
    assert notes(home) == []


def no_room(home: Folder, mediator: Mediator) -> Mediator:
    home.retired_keys.write_text("")
    return mediator


def other_keys_are_broken(_: Folder, mediator: Mediator) -> Mediator:
    def refuse(_keys: object) -> None:
        raise Refused(Reason.BAD_CREDENTIAL, "`idp.json`: no keys")

    return replace(mediator, rotation=replace(mediator.rotation, load_keys=refuse))  # type: ignore[arg-type]  # never returns


def no_ledger(_: Folder, mediator: Mediator) -> Mediator:
    class Full:
        def note(self, *_: object) -> None:
            raise Refused(Reason.LEDGER_UNAVAILABLE, "disk full")

    return replace(mediator, rotation=replace(mediator.rotation, ledger=Full()))  # type: ignore[arg-type]  # all that is asked


@promise("P7", "P10")
@pytest.mark.parametrize("spoil", [no_room, other_keys_are_broken, no_ledger])
async def test_what_cannot_be_written_or_read_changes_nothing(
    home: Folder, mediator: Mediator, spoil: Callable[[Folder, Mediator], Mediator]
) -> None:
    """P7: the old key goes on, in memory and on disk; nothing is left of the new one."""
    spoilt, snapshot, before = spoil(home, mediator), mediator.trust.snapshot(), mediator.issuer.keys
    files = content_of(home.state / "keys")
    with pytest.raises(Refused):
        spoilt.rotation.rotate(retire(mediator))
    assert mediator.issuer.keys is before
    assert mediator.trust.snapshot() is snapshot
    assert content_of(home.state / "keys") == files


@promise("P7")
async def test_where_the_epoch_cannot_be_moved_all_of_the_rotation_is_in_force(
    mediator: Mediator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: never half of it: what is minted from then on verifies, and every fence sees another snapshot."""

    def fail() -> None:
        raise Refused(Reason.STORE_UNAVAILABLE, "disk full")

    grant, old = mediator.desk.open(asks(mediator, task_subject())), in_use(mediator)
    monkeypatch.setattr(mediator.trust, "_move_epoch", fail)
    with pytest.raises(Refused) as stop:
        mediator.rotation.rotate(retire(mediator))
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert in_use(mediator) != old
    assert claims_of(mediator, mediator.desk.token(grant.id)[0]).key_id == in_use(mediator)


async def test_a_renewal_keeps_retired_keys_and_tidies_up_what_is_over(
    home: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: housekeeping. The file goes; in this process the key stays, and verifies nothing."""
    async with opened(home) as mediator:
        grant = mediator.desk.open(asks(mediator, task_subject()))
        token, _ = mediator.desk.token(grant.id)
        old = in_use(mediator)
        mediator.rotation.rotate(retire(mediator))
        digest = mediator.trust.snapshot().keys.digest
        await mediator.renewal.renew()
        assert mediator.trust.snapshot().keys.digest == digest
        assert claims_of(mediator, token).key_id == old
        assert len(list(home.retired_keys.iterdir())) == 1

        later_ms = mediator.ports.clock.now_ms() + TOKEN_LIFE_MS
        monkeypatch.setattr(mediator.ports.clock, "_last_ms", later_ms)  # the machine's time has passed
        await mediator.renewal.renew()
        assert list(home.retired_keys.iterdir()) == []
        assert mediator.trust.snapshot().keys.digest == digest
        with pytest.raises(Refused) as stop:
            claims_of(mediator, token)
        assert stop.value.reason is Reason.UNKNOWN_KEY
        assert len(mediator.issuer.jwks(later_ms)["keys"]) == 1  # type: ignore[arg-type]  # a list


@promise("P7")
async def test_a_retired_key_that_nobody_retired_stops_the_start(home: Folder) -> None:
    """The issue, bad input: named, with the next step."""
    async with opened(home) as mediator:
        mediator.rotation.rotate(retire(mediator))
    (file,) = home.retired_keys.iterdir()
    file.write_text("{}")
    with pytest.raises(Refused) as stop:
        async with opened(home):
            pytest.fail("it started")
    assert file.name in stop.value.detail
    assert "take the file away" in str(stop.value.remedy)
    file.unlink()
    async with opened(home) as mediator:
        assert mediator.issuer.keys.retired == ()
