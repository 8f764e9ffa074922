"""Unit tests of mediator/assembly/tls.py: a context that serves, or the file that stands in its way.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mediator.assembly.folder import Folder
from mediator.assembly.tls import ServerCertificate, open_tls, read_server_certificate
from mediator.refusal import Reason, Refused
from mediator.settings.tls import TlsSettings
from tests.promises import promise
from tests.simulated.certificates import FAR, NOW_MS, Authority, Issued, a_certificate, lock_key

FILES = TlsSettings(certificate="tls/server.pem", key="tls/server.key.pem", client_ca="tls/authority.pem")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "tls").mkdir()
    return Authority(tmp_path / "tls")


@pytest.fixture
def server(authority: Authority) -> Issued:
    return authority.issue("server", "Mediator.Example.com", "*.agents.example.com", "127.0.0.1", "::1")


@pytest.fixture
def folder(tmp_path: Path, server: Issued) -> Folder:
    assert server.certificate.is_relative_to(tmp_path)
    return Folder(root=tmp_path)


def test_a_context_speaks_what_is_sound(folder: Folder) -> None:
    """RFC 9325 §3: TLS 1.2 at the least, no compression (CRIME), no renegotiation; HTTP/1.1 is what is served."""
    context = open_tls(folder, FILES, NOW_MS)

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION):
        assert context.options & option


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        (FILES.model_copy(update={"client_ca": None}), ssl.CERT_NONE),
        (FILES, ssl.CERT_OPTIONAL),
        (FILES.model_copy(update={"client_certificates": "required"}), ssl.CERT_REQUIRED),
    ],
)
def test_clients_are_asked_for_certificates_as_the_settings_say(
    folder: Folder, settings: TlsSettings, mode: ssl.VerifyMode
) -> None:
    """RFC 8705 §2.1: by the authorities that are named, and none of this machine's."""
    context = open_tls(folder, settings, NOW_MS)

    assert context.verify_mode is mode
    assert len(context.get_ca_certs()) == (mode is not ssl.CERT_NONE)


def test_it_says_until_when_it_holds_and_for_whom(folder: Folder) -> None:
    """RFC 9525 §6: names have no case; `*.` stands for one label, and never for an address."""
    found = read_server_certificate(folder, FILES, NOW_MS)

    assert found == ServerCertificate(
        ends_ms=int(FAR.timestamp()) * 1000,
        names=frozenset({"mediator.example.com", "*.agents.example.com", "127.0.0.1", "::1"}),
    )
    for host in ("mediator.example.com", "a.agents.example.com", "127.0.0.1", "[::1]"):
        assert found.is_for(host)
    for host in ("example.com", "agents.example.com", "a.b.agents.example.com", "127.0.0.2", "localhost"):
        assert not found.is_for(host)


def test_one_that_names_nobody_is_for_nobody(authority: Authority, folder: Folder) -> None:
    """RFC 9525 §2: the common name of its subject is no name."""
    authority.issue("server")

    assert not read_server_certificate(folder, FILES, NOW_MS).is_for("server")


def expire(authority: Authority) -> None:
    authority.issue("server", "localhost", ends=dt.datetime(2021, 1, 1, tzinfo=dt.UTC))


def begin_later(authority: Authority) -> None:
    authority.issue("server", "localhost", begins=dt.datetime(2090, 1, 1, tzinfo=dt.UTC))


def swap_key(authority: Authority) -> None:
    other = authority.issue("other").key
    (authority.folder / "server.key.pem").write_bytes(other.read_bytes())


def lock(authority: Authority) -> None:
    lock_key(authority.folder / "server.key.pem", b"a password")


def take_a_short_key(authority: Authority) -> None:
    authority.issue_for(rsa.generate_private_key(65537, 1024), "server", "localhost")


def write(name: str, text: str) -> Callable[[Authority], None]:
    def do(authority: Authority) -> None:
        (authority.folder / name).write_text(text)

    return do


def remove(name: str) -> Callable[[Authority], None]:
    def do(authority: Authority) -> None:
        (authority.folder / name).unlink()

    return do


def loosen(authority: Authority) -> None:
    (authority.folder / "server.key.pem").chmod(0o640)


def link(authority: Authority) -> None:
    key = authority.folder / "server.key.pem"
    key.rename(authority.folder / "elsewhere.pem")
    key.symlink_to(authority.folder / "elsewhere.pem")


WRONG: dict[str, tuple[Callable[[Authority], None], str, str]] = {
    "expired": (expire, "server.pem` has expired at 2021-01-01T00:00:00Z", "issued anew"),
    "not yet": (begin_later, "server.pem` holds from 2090-01-01T00:00:00Z on", "clock of this machine"),
    "another key": (swap_key, "server.key.pem` does not fit the first certificate in", "name the key"),
    "encrypted": (lock, "server.key.pem` is encrypted", "openssl pkey -in"),
    "too weak": (take_a_short_key, "server.pem` cannot be used: EE_KEY_TOO_SMALL", "issued anew"),
    "no key": (write("server.key.pem", "nonsense"), "server.key.pem` holds no private key in PEM", "put the key"),
    "no certificate": (
        write("server.pem", "nonsense"),
        "server.pem` holds no certificate in PEM",
        "put the server's own",
    ),
    "half a certificate": (
        write("server.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "server.pem` holds no certificate in PEM",
        "put the server's own",
    ),
    "no certificate there": (
        remove("server.pem"),
        "server.pem` cannot be read: No such file",
        "correct `certificate` under",
    ),
    "no key there": (remove("server.key.pem"), "server.key.pem` is missing", "correct `key` under `[server.tls]`"),
    "open to others": (loosen, "server.key.pem` must be a file of yours that nobody else can read", ""),
    "a link": (link, "server.key.pem` must be a file of yours that nobody else can read", ""),
    "no authority": (write("authority.pem", ""), "authority.pem` holds no certificate in PEM", "authorities"),
    "no authority there": (
        remove("authority.pem"),
        "authority.pem` cannot be read: No such file",
        "correct `client_ca` under",
    ),
}


@promise("P7")
@pytest.mark.parametrize(("spoil", "what", "next_step"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_by_the_name_of_the_file(
    authority: Authority, folder: Folder, spoil: Callable[[Authority], None], what: str, next_step: str
) -> None:
    """Ours: what, where, and the next step; nothing is asked of a terminal, and nothing of a key is told."""
    spoil(authority)
    with pytest.raises(Refused) as stop:
        open_tls(folder, FILES, NOW_MS)

    assert stop.value.reason is Reason.MALFORMED
    assert what in stop.value.detail
    assert next_step in (stop.value.remedy or "")
    assert "PRIVATE" not in stop.value.detail


def test_a_certificate_that_signs_itself_will_do(tmp_path: Path) -> None:
    """Ours: clients that are given it trust it; both may stand in one file that is closed to others."""
    both = a_certificate(tmp_path)
    both.chmod(0o600)
    open_tls(Folder(root=tmp_path), TlsSettings(certificate="both.pem", key="both.pem"), NOW_MS)
