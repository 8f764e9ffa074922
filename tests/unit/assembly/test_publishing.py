"""The publishing desk beside its own files; over HTTP it is attacked in `attacks/test_publishing.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mediator.assembly.folder import Folder, read_settings
from mediator.assembly.mediator import Mediator
from mediator.assembly.pending import pending_file
from mediator.assembly.publishing import PublishingDesk, make_publishing_desk
from mediator.assembly.trust import ENVELOPE_FILE, PINS_FILE, TRUST_FILE
from mediator.evidence import Secret
from mediator.identity.signed_request import sign_request
from mediator.identity.statement import Act
from mediator.manifest.approval import approve_pins
from mediator.manifest.lock import Retraction, parse_lock
from mediator.manifest.publication import Receipt
from mediator.manifest.retraction import retract
from mediator.manifest.signature import sign_manifest, verify_manifest
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.opened import BASE_URL, opened
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, OPERATORS, manifest_of, trust_of

NAME = "local/files"
ASKED = f"{BASE_URL}/manifests/{NAME}"


def signed(serial: int = 1, server: str = "files", instructions: str | None = None) -> bytes:
    form = manifest_of(server=server) | {"serial": serial, "instructions": instructions}
    return sign_manifest(form, [key_of("signer")])


class Desk:
    """A desk at a time that stands still, and who is trusted there."""

    def __init__(self, mediator: Mediator) -> None:
        self.clock = FixedClock(NOW_MS)
        self.trust = trust_of()
        self.alarms: list[str] = []
        self.folder = mediator.folder
        self.manifests = mediator.folder.manifests(mediator.settings)
        self.desk = PublishingDesk(
            mediator.folder,
            mediator.settings,
            read_trust=lambda _now_ms: (self.trust, OPERATORS),
            trust=mediator.trust,
            ledger=mediator.ports.ledger,
            clock=self.clock,
            alarm=self.alarms.append,
        )

    async def publish(self, envelope: bytes) -> Receipt:
        return (await self.desk.publish(envelope, "192.0.2.7"))[0]

    async def tell(self, token: Secret | None = None, once: str = "once") -> object:
        token = token or sign_request(key_of("signer"), "signer", ASKED, once, self.clock.now_ms())
        return await self.desk.tell(NAME, token, frozenset({ASKED}))

    async def reason(self, once: str = "once") -> Reason:
        with pytest.raises(Refused) as stop:
            await self.tell(once=once)
        return stop.value.reason


@pytest.fixture
async def desk(home: Folder) -> AsyncIterator[Desk]:
    assert read_settings(home).manifests.pending_per_publisher_max == 20
    async with opened(home) as mediator:
        yield Desk(mediator)


async def test_what_stands_signed_or_approved_here_counts_as_a_serial_too(desk: Desk) -> None:
    """Issue 3: the operators' folder may be kept in git, where manifests come and go as well."""
    folder = desk.manifests / "files"
    folder.mkdir()
    (desk.manifests / "other").mkdir()
    (desk.manifests / "other" / ENVELOPE_FILE).write_bytes(
        signed(9, "files2", NAME)
    )  # it says the name, and is another's
    (desk.manifests / "broken").mkdir()
    (desk.manifests / "broken" / ENVELOPE_FILE).write_bytes(b"{}")
    (folder / ENVELOPE_FILE).write_bytes(signed(3))

    assert await desk.publish(signed(2)) is Receipt.OLDER
    assert await desk.publish(signed(3, instructions="Other.")) is Receipt.OTHER_CONTENT
    assert await desk.publish(signed(3)) is Receipt.NEW
    assert await desk.publish(signed(3)) is Receipt.KNOWN


async def test_what_a_key_signed_that_is_trusted_no_more_stands_in_nobodys_way(desk: Desk) -> None:
    """Issue 3: compromise; but a rule that has run out does not let old serials back in."""
    assert await desk.publish(signed(900)) is Receipt.NEW
    desk.clock.advance(seconds=1)
    desk.trust = trust_of(signers=("cosigner",))
    form = manifest_of() | {"serial": 2, "publisher": "cosigner"}
    assert await desk.publish(sign_manifest(form, [key_of("cosigner")])) is Receipt.NEW


async def test_what_was_approved_holds_its_serial_and_what_was_rejected_makes_room(desk: Desk) -> None:
    """Issue 3: the reviewers' statements count where their manifest is gone; a rejection is told, with its note."""
    envelope = signed(5)
    verified = verify_manifest(envelope, desk.trust, NOW_MS)
    reviewer = key_of("reviewer")
    lock = approve_pins(None, "files", verified, tools=None, reviewer=reviewer, operators=OPERATORS, at=NOW_MS)
    no = Retraction(server="files", server_name=NAME, kind=None, tool=None, manifest_serial=6, note="say less")
    back = replace(no, manifest_serial=5, note="taken back")
    for said, act in ((no, Act.PIN_REJECT), (back, Act.PIN_REVOKE)):
        lock, _ = retract(lock, said, act, reviewer=reviewer, operators=OPERATORS, at=NOW_MS)
    again = approve_pins(lock, "files", verified, tools=None, reviewer=reviewer, operators=OPERATORS, at=NOW_MS)
    (desk.manifests / PINS_FILE).write_bytes(again)

    assert await desk.publish(signed(4)) is Receipt.OLDER
    assert await desk.publish(signed(6)) is Receipt.NEW
    told = await desk.tell()
    assert isinstance(told, dict)
    assert (told["state"], told["rejected"]) == (
        "rejected",
        [{"item": None, "note": "say less", "at": "2027-01-15T08:00:00Z"}],
    )
    assert await desk.publish(signed(1, "other")) is Receipt.NEW  # beside it: what was rejected waits no more


@promise("P7", "P11")
async def test_a_key_has_so_many_taken_in_within_an_hour(desk: Desk) -> None:
    """Ours: each is an entry of the ledger and a write to the disk, and a serial can rise for ever."""
    for serial in range(1, 31):
        assert await desk.publish(signed(serial)) is Receipt.NEW
        assert await desk.publish(signed(serial)) is Receipt.KNOWN  # what is not taken in is not counted
    desk.clock.advance(seconds=600)
    assert await desk.publish(signed(30)) is Receipt.KNOWN
    with pytest.raises(Refused) as stop:
        await desk.publish(signed(31))
    assert stop.value.reason is Reason.RATE_LIMITED
    assert stop.value.remedy == "wait 50 minutes, or ask the operator for a higher rate"
    desk.trust = trust_of(signers=("signer", "cosigner"))
    form = manifest_of(server="mail") | {"serial": 1, "publisher": "cosigner"}
    assert await desk.publish(sign_manifest(form, [key_of("cosigner")])) is Receipt.NEW  # another's hour is its own
    desk.clock.advance(seconds=3000)
    assert await desk.publish(signed(31)) is Receipt.NEW


async def test_the_reviewers_statements_are_read_once_for_each_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: with ten thousand approvals, once for each manifest that waits is seconds."""
    for number in range(5):
        assert await desk.publish(signed(1, f"s{number}")) is Receipt.NEW
    read: list[bytes | None] = []

    def parse(raw: bytes | None) -> tuple[bytes, ...]:
        read.append(raw)
        return parse_lock(raw)

    monkeypatch.setattr("mediator.assembly.publishing.parse_lock", parse)
    assert await desk.publish(signed(1, "more")) is Receipt.NEW
    assert len(read) == 1


async def test_a_request_is_answered_once_and_remembered_while_it_holds(desk: Desk) -> None:
    """Ours: no captured request is good for anything."""
    assert await desk.tell() is None
    assert await desk.reason() is Reason.PROOF_REPLAYED
    for number in range(255):
        await desk.tell(once=str(number))
    assert await desk.reason("more") is Reason.RATE_LIMITED
    token = sign_request(key_of("cosigner"), "cosigner", ASKED, "once", NOW_MS)
    assert await desk.tell(token) is None  # another's minute is its own
    desk.clock.advance(seconds=91)
    assert await desk.tell() is None


@promise("P7")
async def test_a_request_that_was_used_is_used_after_a_restart_too(home: Folder) -> None:
    """Ours: in the same second, and with a clock that ran ahead when it was made."""
    async with opened(home) as mediator:
        desk = Desk(mediator)
        ahead = sign_request(key_of("signer"), "signer", ASKED, "ahead", NOW_MS + 20_000)
        assert await desk.tell() is None
        assert await desk.tell(ahead) is None
    async with opened(home) as mediator:
        desk = Desk(mediator)
        assert await desk.reason() is Reason.PROOF_REPLAYED
        desk.clock.advance(seconds=15)
        with pytest.raises(Refused) as stop:
            await desk.tell(ahead)
        assert stop.value.reason is Reason.PROOF_REPLAYED
        assert await desk.tell(once="another") is None


@promise("P7")
async def test_what_we_cannot_read_is_told_to_the_operator_alone(desk: Desk) -> None:
    """House style 4: two tellings."""
    assert await desk.publish(signed()) is Receipt.NEW
    pending_file(desk.folder, NAME).write_bytes(b"{}")
    assert await desk.reason() is Reason.STORE_UNAVAILABLE
    assert str(desk.folder.pending) in desk.alarms[0]


@promise("P7")
async def test_a_running_desk_reads_who_is_trusted_each_time(home: Folder) -> None:
    """P7: a trust file that does not hold stops publishing, and nothing else."""
    alarms: list[str] = []
    async with opened(home) as mediator:
        ports = mediator.ports
        desk = make_publishing_desk(
            home, mediator.settings, trust=ports.trust, ledger=ports.ledger, clock=ports.clock, alarm=alarms.append
        )
        with pytest.raises(Refused) as stop:
            await desk.publish(signed(), "192.0.2.7")
        assert stop.value.reason is Reason.UNKNOWN_KEY
        (home.manifests(mediator.settings) / TRUST_FILE).write_bytes(b"{}")
        with pytest.raises(Refused) as stop:
            await desk.publish(signed(), "192.0.2.7")
        assert (stop.value.reason, len(alarms)) == (Reason.STORE_UNAVAILABLE, 1)
