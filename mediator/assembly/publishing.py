"""The publishing desk: takes in what tool owners publish, and tells them what became of it.

A manifest is verified before anything of it is kept, and kept as pending: `tool_manifests/` is the operators' folder,
and nothing is written there. Whoever asks proves with the signer's own key who asks, once for each answer. The work is
done one piece at a time and beside the event loop: a manifest of a megabyte takes longer than a call may wait.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, TypeVar, final

import anyio
import anyio.to_thread

from mediator.assembly.asked import keep_asked, read_asked
from mediator.assembly.folder import Folder, find_file, read_file, read_operators
from mediator.assembly.pending import find_publication, keep_publication, read_publications
from mediator.assembly.trust import ENVELOPE_FILE, PINS_FILE, read_signer_trust
from mediator.canonical import JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.identity.dsse import parse_envelope
from mediator.identity.signed_request import SignedRequest, verify_signed_request
from mediator.identity.statement import Act, Operators
from mediator.manifest.lock import SignedRetraction, approvals_that_verify, parse_lock, words_that_verify
from mediator.manifest.manifest import ToolManifest, parse_manifest
from mediator.manifest.pin import PinSet
from mediator.manifest.publication import (
    Entry,
    Known,
    Quota,
    Receipt,
    Rejection,
    entry_of,
    item_text,
    receive,
    standing,
)
from mediator.manifest.signature import VerifiedManifest, verify_manifest
from mediator.manifest.trust import SignerTrust
from mediator.mediation.ports import Clock, Ledger, TrustSource
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings

_T = TypeVar("_T")

# An envelope is three members and its signatures: fifty of them, and whatever holds more was sent to be read for long.
_ENVELOPE_LIMITS: Final = JsonLimits(depth_max=4, values_max=200)
_HOUR_MS: Final = 60 * 60 * 1000
_REMEMBERED_MAX: Final = 256  # requests that one key may make in the minute and a half that each is remembered


def make_publishing_desk(
    folder: Folder,
    settings: Settings,
    *,
    trust: TrustSource,
    ledger: Ledger,
    clock: Clock,
    alarm: Callable[[str], None],
) -> PublishingDesk:
    """Return the desk of this set-up."""

    def read_trust(now_ms: int) -> tuple[SignerTrust, Operators]:
        operators = read_operators(folder)
        return read_signer_trust(folder, settings, operators, now_ms), operators

    return PublishingDesk(folder, settings, read_trust=read_trust, trust=trust, ledger=ledger, clock=clock, alarm=alarm)


@final
class PublishingDesk:
    """Takes in manifests, and tells of them.

    `read_trust` gives who may sign and who may review as of now: a key that was taken out signs for nothing from then
    on. `alarm` is told what of our own cannot be read.
    """

    def __init__(
        self,
        folder: Folder,
        settings: Settings,
        *,
        read_trust: Callable[[int], tuple[SignerTrust, Operators]],
        trust: TrustSource,
        ledger: Ledger,
        clock: Clock,
        alarm: Callable[[str], None],
    ) -> None:
        self._folder: Final = folder
        self._manifests: Final = folder.manifests(settings)
        self._quota: Final = Quota(
            count_max=settings.manifests.pending_per_publisher_max,
            bytes_max=settings.manifests.pending_bytes_per_publisher_max,
        )
        self._read_trust: Final = read_trust
        self._trust: Final = trust
        self._ledger: Final = ledger
        self._clock: Final = clock
        self._alarm: Final = alarm
        self._one_at_a_time: Final = anyio.Lock()
        self._known: dict[str, Entry] | None = None
        self._per_hour_max: Final = settings.manifests.publications_per_key_per_hour_max
        self._taken_in: dict[str, list[int]] = {}

    async def publish(self, envelope: bytes, source: str) -> tuple[Receipt, JsonObject]:
        """Take in a signed manifest as pending, if it is one; return what its publisher is told.

        Raises `Refused`: as `verify_manifest`; `RATE_LIMITED` for a key that floods; `STORE_UNAVAILABLE`,
        `LEDGER_UNAVAILABLE` where we are at fault.
        """
        async with self._one_at_a_time:
            now_ms, pins = self._clock.now_ms(), self._trust.snapshot().pins
            receipt, verified = await anyio.to_thread.run_sync(self._judge, envelope, pins, now_ms)
            manifest = verified.manifest
            told: JsonObject = {
                "server": manifest.server.name,
                "serial": manifest.serial,
                "digest": verified.digest,
                "publisher": manifest.publisher,
            }
            if receipt is Receipt.NEW:
                noted = told | {"signers": [*verified.signers], "bytes": len(envelope), "source": source}
                self._ledger.note("manifest.published", noted, now_ms)
                for keyid in verified.signer_keyids:
                    self._taken_in[keyid].append(now_ms)
                await anyio.to_thread.run_sync(self._keep, envelope, manifest, source, now_ms)
            return receipt, told

    async def tell(self, name: str, request: Secret, audiences: frozenset[str]) -> JsonObject | None:
        """Return what became of the manifest of this server; nothing where there is none that the asker may sign for.

        Raises `Refused`: as `verify_signed_request`; `PROOF_REPLAYED`, `RATE_LIMITED`; `STORE_UNAVAILABLE`.
        """
        async with self._one_at_a_time:
            now_ms, pins = self._clock.now_ms(), self._trust.snapshot().pins
            trust, operators = await anyio.to_thread.run_sync(self._ours, lambda: self._read_trust(now_ms))
            signers = {keyid: one for keyid, one in trust.file.signers.items() if one.why_not(now_ms) is None}
            keys = {keyid: one.key for keyid, one in signers.items()}
            names = {keyid: one.name for keyid, one in signers.items()}
            asked = verify_signed_request(request, keys, names, audiences, now_ms)
            await anyio.to_thread.run_sync(self._use, asked, now_ms)
            rule = trust.find_rule(name)
            if rule is None or asked.keyid not in rule.signers:
                return None
            return await anyio.to_thread.run_sync(self._standing, name, pins, operators)

    def _judge(self, envelope: bytes, pins: PinSet, now_ms: int) -> tuple[Receipt, VerifiedManifest]:
        parse_object(envelope, _ENVELOPE_LIMITS)
        trust, operators = self._ours(lambda: self._read_trust(now_ms))
        verified = verify_manifest(envelope, trust, now_ms)
        name = verified.manifest.server.name
        published = self._ours(lambda: self._published(name, trust, now_ms))
        if published is not None and published.digest == verified.digest:  # whoever has it can send it again and again
            return Receipt.KNOWN, verified
        self._must_not_flood(verified, now_ms)
        statements = self._ours(lambda: parse_lock(find_file(self._manifests / PINS_FILE)))
        waiting = self._waiting(name, verified.manifest.publisher, pins)
        rejected = _rejections({*waiting}, statements, operators)
        receipt = receive(
            verified,
            len(envelope),
            published=published,
            elsewhere=[
                *self._ours(lambda: [*self._signed_here(name, trust, now_ms)]),
                *_approved(name, statements, operators),
            ],
            waiting=[entry for other, entry in waiting.items() if (other, entry.serial) not in rejected],
            quota=self._quota,
        )
        return receipt, verified

    def _must_not_flood(self, verified: VerifiedManifest, now_ms: int) -> None:
        """Each of the keys has taken in so many within an hour at most: each is an entry of the ledger for ever."""
        for keyid in verified.signer_keyids:
            recent = [at for at in self._taken_in.get(keyid, ()) if at > now_ms - _HOUR_MS]
            self._taken_in[keyid] = recent
            if len(recent) >= self._per_hour_max:
                minutes = -(-(recent[0] + _HOUR_MS - now_ms) // 60_000)
                detail = f"a key that signed this has published {len(recent)} manifests within an hour"
                remedy = f"wait {minutes} minutes, or ask the operator for a higher rate"
                raise Refused(Reason.RATE_LIMITED, detail, remedy=remedy)

    def _keep(self, envelope: bytes, manifest: ToolManifest, source: str, now_ms: int) -> None:
        name = manifest.server.name
        self._ours(lambda: keep_publication(self._folder, name, envelope, source, now_ms))
        self._entries()[name] = entry_of(manifest, len(envelope))

    def _entries(self) -> dict[str, Entry]:
        """What is pending, by name: read once, since nobody else writes there while this mediator owns the folder."""
        if self._known is None:
            self._known = {
                one.name: entry_of(one.manifest, len(one.envelope)) for one in read_publications(self._folder)
            }
        return self._known

    def _published(self, name: str, trust: SignerTrust, now_ms: int) -> Entry | None:
        """What its owner published last of this server, if the serial of that still counts."""
        publication = find_publication(self._folder, name)
        if publication is None or not _still_counts(publication.envelope, trust, now_ms):
            return None
        return entry_of(publication.manifest, len(publication.envelope))

    def _waiting(self, name: str, publisher: str, pins: PinSet) -> dict[str, Entry]:
        """This publisher's manifests of other servers of which nothing is pinned, by name."""
        decided = {pin.manifest_digest for pin in pins.items}
        return {
            other: entry
            for other, entry in self._ours(self._entries).items()
            if other != name and entry.publisher == publisher and entry.digest not in decided
        }

    def _standing(self, name: str, pins: PinSet, operators: Operators) -> JsonObject | None:
        publication = self._ours(lambda: find_publication(self._folder, name))
        if publication is None:
            return None
        digest = publication.manifest.digest
        pinned = {item_text(pin.kind, pin.name) for pin in pins.items if pin.manifest_digest == digest}
        statements = self._ours(lambda: parse_lock(find_file(self._manifests / PINS_FILE)))
        rejected = _rejections({name}, statements, operators)
        return standing(publication, pinned, rejected.get((name, publication.manifest.serial), []))

    def _signed_here(self, name: str, trust: SignerTrust, now_ms: int) -> Iterator[Known]:
        """What stands signed for this server in the operators' folder."""
        for file in sorted(self._manifests.glob(f"*/{ENVELOPE_FILE}")):
            raw = read_file(file)
            if _is_about(raw, name) and _still_counts(raw, trust, now_ms):
                manifest = parse_manifest(parse_envelope(raw).payload)
                if manifest.server.name == name:
                    yield Known(serial=manifest.serial, digest=manifest.digest)

    def _use(self, asked: SignedRequest, now_ms: int) -> None:
        """Remember a request until it has expired, over restarts too; it may be made once."""
        used = {one: until for one, until in self._ours(lambda: read_asked(self._folder)).items() if until > now_ms}
        request = f"{asked.keyid} {asked.token_id}"
        if request in used:
            raise Refused(Reason.PROOF_REPLAYED, "used before: make another for each request")
        if sum(one.startswith(f"{asked.keyid} ") for one in used) >= _REMEMBERED_MAX:
            raise Refused(Reason.RATE_LIMITED, "too many requests in this minute")
        self._ours(lambda: keep_asked(self._folder, used | {request: asked.forgotten_ms}))

    def _ours(self, read: Callable[[], _T]) -> _T:
        """Do what only our own files can make fail; a publisher learns nothing of them."""
        try:
            return read()
        except Refused as refused:
            self._alarm(f"publishing: {refused.detail or refused.reason}")
            raise Refused(Reason.STORE_UNAVAILABLE, refused.detail) from refused


def _approved(name: str, statements: Sequence[bytes], operators: Operators) -> Iterator[Known]:
    """What was approved of this server."""
    about = [raw for raw in statements if _is_about(raw, name)]
    for one in approvals_that_verify(about, operators):
        if one.approval.server_name == name:
            yield Known(serial=one.approval.manifest_serial)


def _rejections(
    names: Collection[str], statements: Sequence[bytes], operators: Operators
) -> Mapping[tuple[str, int], list[Rejection]]:
    """What reviewers said against manifests of these servers, by name and serial."""
    found: dict[tuple[str, int], list[Rejection]] = {}
    about = [raw for raw in statements if _is_about(raw, *names)]
    for word in words_that_verify(about, operators):
        if not isinstance(word, SignedRetraction) or word.statement.act is not Act.PIN_REJECT:
            continue
        said = word.retraction
        if said.server_name in names:
            item = None if said.kind is None or said.tool is None else item_text(said.kind, said.tool)
            rejection = Rejection(item=item, note=said.note, at=word.statement.at)
            found.setdefault((said.server_name, said.manifest_serial), []).append(rejection)
    return found


def _is_about(envelope: bytes, *names: str) -> bool:
    """Tell, cheaply and before anything is verified, whether a payload in RFC 8785 form holds one of these texts at all."""
    try:
        payload = parse_envelope(envelope).payload
    except Refused:
        return False
    return any(canonical_bytes(name) in payload for name in names)


def _still_counts(envelope: bytes, trust: SignerTrust, now_ms: int) -> bool:
    """Tell whether what was signed still holds a serial: by keys that may sign, if perhaps for a time that is over.

    What a key signed that was taken out of the trust file must not stand in its successor's way.
    """
    try:
        verify_manifest(envelope, trust, now_ms)
    except Refused as refused:
        return refused.reason is Reason.EXPIRED_CREDENTIAL
    return True
