"""Certificates of loopback servers and of their clients, made when a test runs.

    authority = Authority(tmp_path)
    server, client = authority.issue("server", "127.0.0.1", "localhost"), authority.issue("agent")
    server_context(server, client_ca=authority.file), client_context(authority.file, client)

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
)

from mediator.assembly.folder import Folder
from mediator.assembly.tls import open_tls
from mediator.settings.tls import TlsSettings


def a_certificate(folder: Path) -> Path:
    """Return the file of a certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tools")])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


PAST: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
NOW_MS: Final = int(dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp()) * 1000
FAR: Final = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_SIGNS_CERTIFICATES: Final = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its key, in files of their own."""

    certificate: Path
    key: Path
    thumbprint: str

    @property
    def pem(self) -> bytes:
        return self.certificate.read_bytes()


@dataclass(slots=True)
class Authority:
    """Issues certificates of servers and of clients, whose files it puts into a folder."""

    folder: Path
    name: str = "authority"
    file: Path = field(init=False)
    _key: ec.EllipticCurvePrivateKey = field(init=False, repr=False)
    _count: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self.folder / f"{self.name}.pem"
        own = (
            self._unsigned(self.name, self._key.public_key(), FAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, ends: dt.datetime = FAR, begins: dt.datetime = PAST) -> Issued:
        """Issue a certificate: of a server that has these names and addresses, of a client where there are none."""
        return self.issue_for(ec.generate_private_key(ec.SECP256R1()), name, *hosts, ends=ends, begins=begins)

    def issue_for(
        self,
        key: CertificateIssuerPrivateKeyTypes,
        name: str,
        *hosts: str,
        ends: dt.datetime = FAR,
        begins: dt.datetime = PAST,
    ) -> Issued:
        """Issue a certificate for this key."""
        usage = x509.oid.ExtendedKeyUsageOID.SERVER_AUTH if hosts else x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._unsigned(name, key.public_key(), ends, begins).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if hosts:
            names = x509.SubjectAlternativeName([_name_of(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        issued = Issued(
            certificate=self.folder / f"{name}.pem",
            key=self.folder / f"{name}.key.pem",
            thumbprint=base64.urlsafe_b64encode(signed.fingerprint(hashes.SHA256())).decode().rstrip("="),
        )
        issued.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        issued.key.touch(mode=0o600)
        issued.key.write_bytes(_key_pem(key, serialization.NoEncryption()))
        return issued

    def _unsigned(
        self, name: str, key: CertificatePublicKeyTypes, ends: dt.datetime, begins: dt.datetime = PAST
    ) -> x509.CertificateBuilder:
        self._count += 1
        return (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(_common_name(self.name))
            .public_key(key)
            .serial_number(self._count)
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def lock_key(file: Path, password: bytes) -> None:
    """Put the key in this file under a password."""
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    file.write_bytes(_key_pem(key, serialization.BestAvailableEncryption(password)))


def server_context(
    shown: Issued, client_ca: Path | None = None, asks: Literal["optional", "required"] = "optional"
) -> ssl.SSLContext:
    """Return the mediator's own context: it shows this certificate, and looks at clients' where somebody vouches."""
    files = {"certificate": str(shown.certificate), "key": str(shown.key)}
    settings = TlsSettings.model_validate(
        files if client_ca is None else {**files, "client_ca": str(client_ca), "client_certificates": asks}
    )
    return open_tls(Folder(root=shown.certificate.parent), settings, NOW_MS)


def client_context(trusted: Path, shown: Issued | None = None) -> ssl.SSLContext:
    """Return the context of a client that trusts this authority, and shows this certificate if it is asked."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as newer Pythons do by themselves
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


def _key_pem(key: PrivateKeyTypes, locked: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
