"""TLS that ends at the mediator: its certificate and key, read and looked at before anybody is let in.

What is wrong with the files is told by their names, with the next step, and stops the start: a certificate that no
client would take is no certificate. The files are read once; a renewed certificate is shown from the next start on.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from mediator.assembly.folder import Folder, read_file, read_secret
from mediator.manifest.fields import write_moment
from mediator.refusal import Reason, Refused
from mediator.settings.tls import TlsSettings

_VERSION: Final = ssl.TLSVersion.TLSv1_2  # RFC 9325 §3.1.1; 1.3 wherever the client speaks it
_VERIFY: Final = {"optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """What a server shows: until when it holds, and for which names and addresses; `*.` stands for one label."""

    ends_ms: int
    names: frozenset[str]

    def is_for(self, host: str) -> bool:
        """Tell whether clients take it for a server of this name or address (RFC 9525 §6)."""
        bare = host.strip("[]")
        return bare in self.names or "*." + bare.partition(".")[2] in self.names


def open_tls(folder: Folder, settings: TlsSettings, now_ms: int) -> ssl.SSLContext:
    """Return the context in which the mediator serves.

    Raises `Refused(MALFORMED)` naming the file, what is wrong with it, and the next step.
    """
    read_server_certificate(folder, settings, now_ms)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSION
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    certificate, key = folder.root / settings.certificate, folder.root / settings.key
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never asks a terminal
    except ssl.SSLError as error:  # OpenSSL's own measure: keys that are too short, signatures that are too weak
        raise _wrong(certificate, f"cannot be used: {error.reason}", "have a certificate issued anew") from error
    if settings.client_ca is not None:
        context.load_verify_locations(cadata=_read_authorities(folder.root / settings.client_ca))
        context.verify_mode = _VERIFY[settings.client_certificates]
    return context


def read_server_certificate(folder: Folder, settings: TlsSettings, now_ms: int) -> ServerCertificate:
    """Return what the certificate says, once it is known to hold now and to fit its key; raises as `open_tls`."""
    file, key_file = folder.root / settings.certificate, folder.root / settings.key
    certificate = _read_chain(file, "certificate", "the server's own, and behind it what leads to its authority,")[0]
    begins_ms, ends_ms = (
        int(moment.timestamp()) * 1000 for moment in (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    )
    if now_ms >= ends_ms:
        raise _wrong(file, f"has expired at {write_moment(ends_ms)}", "have it issued anew")
    if now_ms < begins_ms:
        raise _wrong(file, f"holds from {write_moment(begins_ms)} on", "look at the clock of this machine")
    key = _read_key(key_file)
    try:
        fits = _public_form(key) == _public_form(certificate)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(file, "is of a kind that is not known here", "have it issued for a P-256 key") from error
    if not fits:
        raise _wrong(key_file, f"does not fit the first certificate in `{file}`", "name the key that it was issued for")
    return ServerCertificate(ends_ms=ends_ms, names=_names_of(certificate))


def _read_chain(file: Path, setting: str, content: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(read_file(file))
    except Refused as refused:
        raise Refused(refused.reason, refused.detail, remedy=_correct(setting)) from refused
    except ValueError as error:
        raise _wrong(file, "holds no certificate in PEM", f"put {content} there") from error


def _read_authorities(file: Path) -> str:
    chain = _read_chain(file, "client_ca", "the certificates of the authorities that vouch for clients")
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in chain)


def _read_key(file: Path) -> PrivateKeyTypes:
    if not file.exists():  # of the mediator's own keys another next step is told
        raise _wrong(file, "is missing", _correct("key"))
    try:
        return serialization.load_pem_private_key(read_secret(file).reveal().encode(), None)
    except TypeError as error:  # cryptography's word for a key that is locked
        raise _wrong(
            file, "is encrypted, and nobody is there to unlock it", f"write it with `openssl pkey -in {file}`, mode 600"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(file, "holds no private key in PEM", "put the key of the certificate there") from error


def _public_form(holder: PrivateKeyTypes | x509.Certificate) -> bytes:
    return holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _names_of(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()  # RFC 9525 §2: the subject's common name is no name of a server
    addresses = names.get_values_for_type(x509.IPAddress)
    return frozenset([*map(str.lower, names.get_values_for_type(x509.DNSName)), *map(str, addresses)])


def _correct(setting: str) -> str:
    return f"correct `{setting}` under `[server.tls]`, or put the file there"


def _wrong(file: Path, what: str, next_step: str) -> Refused:
    return Refused(Reason.MALFORMED, f"`{file}` {what}", remedy=next_step)
