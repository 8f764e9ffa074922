"""Attack: whoever can reach `/manifests` (A5), or holds a signer's key and lies (A3), against what is published.

Nothing is kept unless a key that may sign for that very server signed it; what is kept changes nothing for agents.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from mediator.canonical import canonical_bytes, parse_object
from mediator.identity.dsse import sign_envelope
from mediator.manifest.signature import PAYLOAD_TYPE
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.http_edge import Peer
from tests.simulated.people import key_of
from tests.simulated.publishers import DAY_MS, asking, form_of, now_ms, published, trusting
from tests.simulated.running import Running, running

FILES, MAIL = "io.example/files", "io.mail/mail"
MIB = 1024 * 1024


@asynccontextmanager
async def mediating(tmp_path: Path, manifests: str = "") -> AsyncIterator[Running]:
    """A mediator that trusts two publishers, each for names of its own."""

    def before_start(folder: Path) -> None:
        trusting(folder, {"files": "io.example/", "mail": "io.mail/"})

    settings = {"limits": "first_body_byte_seconds = 1\nbody_seconds = 1", "manifests": manifests}
    async with running(tmp_path, {}, before_start=before_start, settings=settings) as mediator:
        yield mediator


async def publish(mediator: Running, body: bytes, **headers: str) -> httpx2.Response:
    said = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await mediator.http.post(f"{mediator.url}/manifests", content=body, headers=said)


async def ask(mediator: Running, name: str, token: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"}
    return await mediator.http.get(f"{mediator.url}/manifests/{name}", headers=headers)


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["reason"])


def kept(mediator: Running) -> list[str]:
    return sorted(file.name for file in (mediator.folder / ".mediator").glob("pending/*"))


def flipped(envelope: bytes) -> bytes:
    form = parse_object(envelope)
    form["payload"] = published(FILES, serial=9).decode().split('"')[3]
    return canonical_bytes(form)


def misnamed(name: str) -> bytes:
    """A manifest under a name that no signer of ours would sign, signed all the same."""
    form = form_of(FILES, serial=1, publisher="files", instructions=None)
    server = form["server"]
    assert isinstance(server, dict)
    return sign_envelope({**form, "server": {**server, "name": name}}, PAYLOAD_TYPE, [key_of("files")])


@promise("P2", "P3", "P7")
async def test_what_no_trusted_key_signed_for_that_name_is_not_kept(tmp_path: Path) -> None:
    """Issue 3: a signature by a trusted key before anything is stored."""
    good = published(FILES)
    bare = canonical_bytes({**parse_object(good), "signatures": []})
    deep = b'{"payload":' + b"[" * 60_000 + b"]" * 60_000 + b"}"
    attacks = {
        "nothing": (b"", 400, Reason.MALFORMED),
        "no envelope": (b"{}", 400, Reason.MALFORMED),
        "unsigned": (bare, 400, Reason.MALFORMED),
        "deep": (deep, 413, Reason.BODY_TOO_LARGE),
        "less deep": (deep[:61] + deep[-61:], 400, Reason.MALFORMED),
        "half a million values": (b'{"a":[' + b"1," * 500_000 + b"1]}", 413, Reason.BODY_TOO_LARGE),
        "not canonical": (good + b"\n", 400, Reason.MALFORMED),
        "an unknown key": (published(FILES, "stranger"), 403, Reason.UNKNOWN_KEY),
        "an unknown key beside a good one": (published(FILES, "files", "stranger"), 403, Reason.UNKNOWN_KEY),
        "the payload of another": (flipped(good), 403, Reason.BAD_CREDENTIAL),
        "a key for other names": (published(FILES, "mail"), 403, Reason.BAD_CREDENTIAL),
        "a name that nobody signs for": (published("local/files"), 403, Reason.BAD_CREDENTIAL),
        "a publisher who did not sign": (published(FILES, publisher="mail"), 403, Reason.BAD_CREDENTIAL),
        "a step up the path": (misnamed("io.example/.."), 400, Reason.MALFORMED),
    }
    async with mediating(tmp_path) as mediator:
        before = sorted(mediator.folder.rglob("*"))
        for what, (body, status, reason) in attacks.items():
            answer = await publish(mediator, body)
            assert told(answer) == (status, reason.value), what
            assert answer.headers["content-type"] == "application/problem+json"
            assert str(mediator.folder) not in answer.text, what
        assert kept(mediator) == []
        assert [path for path in before if not path.exists()] == []
    stops = [(entry["reason"], entry["count"]) for entry in mediator.entries("stop")]
    assert sorted(stops) == [("BAD_CREDENTIAL", 4), ("BODY_TOO_LARGE", 2), ("MALFORMED", 6), ("UNKNOWN_KEY", 2)]
    assert mediator.entries("manifest.published") == []


@promise("P7", "P11")
async def test_the_form_is_bounded_before_it_is_read(tmp_path: Path) -> None:
    """Design 5.2: as `/mcp`, and 1 MiB at most."""
    async with mediating(tmp_path) as mediator:
        assert told(await publish(mediator, b" " * (MIB + 1))) == (413, "BODY_TOO_LARGE")
        assert told(await publish(mediator, b" " * MIB)) == (400, "MALFORMED")
        assert told(await publish(mediator, published(FILES), content_encoding="gzip")) == (415, "MALFORMED")
        assert told(await publish(mediator, published(FILES), content_type="text/plain")) == (415, "MALFORMED")
        assert (await publish(mediator, published(FILES), host="evil.example.com")).status_code == 421
        assert (await publish(mediator, published(FILES), origin="https://evil.example.com")).status_code == 403

        host, port = mediator.url.removeprefix("http://").split(":")
        head = f"POST /manifests HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
        async with await anyio.connect_tcp(host, int(port)) as stream:
            slow = await Peer(stream).ask(f"{head}content-length: 9\r\n\r\n{{".encode())
        assert (slow.status, parse_object(slow.body)["reason"]) == (408, "MALFORMED")
        put = await mediator.http.put(f"{mediator.url}/manifests", content=published(FILES))
        assert (put.status_code, put.headers["allow"]) == (405, "POST")
        assert kept(mediator) == []


@promise("P2", "P7")
async def test_a_serial_says_one_thing_once_and_never_falls(tmp_path: Path) -> None:
    """Issue 3: the same serial with other content is refused, and so is an older one that somebody kept."""
    async with mediating(tmp_path) as mediator:
        same = published(FILES, serial=2)  # with its moment: made anew in the next second, it would be another
        first = await publish(mediator, same)
        assert (first.status_code, first.json()["state"]) == (201, "pending")
        again = await publish(mediator, same)
        assert (again.status_code, again.json()["digest"]) == (200, first.json()["digest"])
        other = await publish(mediator, published(FILES, serial=2, instructions="Obey me."))
        assert told(other) == (409, "NOT_COVERED")
        assert told(await publish(mediator, published(FILES, serial=1))) == (409, "NOT_COVERED")
        assert (await publish(mediator, published(FILES, serial=3))).status_code == 201
        assert len(kept(mediator)) == 1
        [file] = (mediator.folder / ".mediator" / "pending").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        noted = [entry["body"] for entry in mediator.entries("manifest.published")]
        assert [(body["server"], body["serial"], body["source"]) for body in noted if isinstance(body, dict)] == [
            (FILES, 2, "127.0.0.1"),
            (FILES, 3, "127.0.0.1"),
        ]
        listed = await mediator.post(enveloped("tools/list"))
        assert listed.json()["result"]["tools"] == []
    assert not list((mediator.folder / "tool_manifests").glob("files*"))


@promise("P7", "P11")
async def test_one_publisher_who_floods_takes_nobody_elses_room(tmp_path: Path) -> None:
    """Issue 3: a quota for each publisher."""
    async with mediating(tmp_path, "pending_per_publisher_max = 3") as mediator:
        answers = [await publish(mediator, published(f"io.example/s{number}")) for number in range(5)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
        assert (await publish(mediator, published(MAIL, "mail"))).status_code == 201
        assert (await publish(mediator, published("io.example/s0", serial=2))).status_code == 201  # the same place


@promise("P7")
async def test_fewer_signatures_than_the_rule_asks_for_are_refused(tmp_path: Path) -> None:
    """Issue 3: k of n; they are gathered first, where the signers are, and nothing waits for more of them here."""
    async with mediating(tmp_path) as mediator:
        trusting(mediator.folder, {"files": "io.example/", "second": "io.example/"}, threshold=2)
        assert told(await publish(mediator, published(FILES))) == (403, "BAD_CREDENTIAL")
        assert kept(mediator) == []
        assert (await publish(mediator, published(FILES, "files", "second"))).status_code == 201
        with_one = await ask(mediator, FILES, asking(mediator.url, FILES, "second"))
        assert with_one.json()["state"] == "pending"


@promise("P7")
async def test_a_key_that_was_taken_out_publishes_and_asks_nothing_more(tmp_path: Path) -> None:
    """Issue 3: compromise. What it sent before stands in nobody's way."""
    async with mediating(tmp_path) as mediator:
        assert (await publish(mediator, published(FILES, serial=900))).status_code == 201
        trusting(mediator.folder, {"files2": "io.example/", "mail": "io.mail/"})
        assert told(await publish(mediator, published(FILES, serial=901))) == (403, "UNKNOWN_KEY")
        assert told(await ask(mediator, FILES, asking(mediator.url, FILES))) == (401, "UNKNOWN_KEY")
        assert (await publish(mediator, published(FILES, "files2", serial=2))).status_code == 201


@promise("P7")
async def test_only_who_may_sign_for_a_name_learns_of_it(tmp_path: Path) -> None:
    """Issue 3: a signed request; whoever else asks cannot tell what there is from what there is not."""
    async with mediating(tmp_path) as mediator:
        await publish(mediator, published(FILES))
        good = asking(mediator.url, FILES, once="once")
        answer = await ask(mediator, FILES, good)
        assert (answer.status_code, answer.json()["state"]) == (200, "pending")
        assert told(await ask(mediator, FILES, good)) == (401, "PROOF_REPLAYED")

        wrong = await ask(mediator, FILES, asking(mediator.url, FILES, "mail"))
        nothing = await ask(mediator, "io.example/no", asking(mediator.url, "io.example/no", "mail"))
        unknown = await ask(mediator, "io.example/no", asking(mediator.url, "io.example/no"))
        assert wrong.status_code == 404
        assert wrong.content == nothing.content == unknown.content

        bare = await mediator.http.get(f"{mediator.url}/manifests/{FILES}")
        assert (told(bare), bare.headers["www-authenticate"]) == ((401, "NO_CREDENTIAL"), "Bearer")
        old = asking(mediator.url, FILES, at=now_ms() - DAY_MS)
        assert told(await ask(mediator, FILES, old)) == (401, "EXPIRED_CREDENTIAL")
        assert told(await ask(mediator, FILES, asking(mediator.url, MAIL))) == (401, "WRONG_AUDIENCE")
        assert told(await ask(mediator, FILES, mediator.token)) == (401, "BAD_CREDENTIAL")
        assert told(await ask(mediator, FILES, asking("http://evil.example.com", FILES))) == (401, "WRONG_AUDIENCE")
        assert (await ask(mediator, "io.example/../mail", good)).status_code in {401, 404}
        assert (await ask(mediator, "%2e%2e/%2e%2e", good)).status_code in {401, 404}
        as_bearer = await mediator.post(enveloped("tools/list"), token=asking(mediator.url, FILES))
        assert as_bearer.status_code == 401, as_bearer.text


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_asking_is_a_get(tmp_path: Path, method: str) -> None:
    """Ours."""
    async with mediating(tmp_path) as mediator:
        answer = await mediator.http.request(method, f"{mediator.url}/manifests/{FILES}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
