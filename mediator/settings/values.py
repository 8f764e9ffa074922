"""Single values of the settings, each with the check that makes it: references to secrets, addresses, names.

Pure; it says what was expected and never repeats what was given, which may be a secret in the wrong place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from mediator.spiffe import TRUST_DOMAIN

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!-\"$-~]*)?"
)
_REFERENCE: Final = re.compile(r"(env):([A-Za-z_][A-Za-z0-9_]{0,127})|(file):(/[^\x00-\x1f\x7f]{1,4095})")
_HOST_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """Where a secret is to be found: the environment variable, or the file, of that name. Never the secret."""

    kind: Literal["env", "file"]
    place: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literally:
    """A value of a tool server's environment that is no secret, and stands in the settings itself."""

    text: str


EnvironmentValue: TypeAlias = SecretReference | Literally


def expected(what: str) -> PydanticCustomError:
    """Return the error of a value that is not what it should be."""
    return PydanticCustomError("expected", "expected {what}", {"what": what})


def parse_reference(value: object) -> SecretReference:
    """Return the reference that this text is."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise expected("a reference, `env:NAME` or `file:/path`: a secret never stands in the settings")
    if match[1] is not None:
        return SecretReference(kind="env", place=match[2])
    return SecretReference(kind="file", place=match[4])


def parse_file_reference(value: object) -> SecretReference:
    """Return the reference to a file that this text is: a key has several lines, and stands in no environment."""
    try:
        reference = parse_reference(value)
    except PydanticCustomError as error:
        raise expected("a reference, `file:/path`: a key never stands in the settings") from error
    if reference.kind != "file":
        raise expected("a reference, `file:/path`: a key stands in a file")
    return reference


def parse_environment_value(value: object) -> EnvironmentValue:
    """Return what a tool server's environment variable is set to, or from."""
    if isinstance(value, str) and value.startswith("literal:") and "\0" not in value:
        return Literally(text=value.removeprefix("literal:"))
    try:
        return parse_reference(value)
    except PydanticCustomError as error:
        raise expected("`env:NAME`, `file:/path` or, for what is no secret, `literal:...`") from error


def is_loopback(host: str) -> bool:
    """Tell whether this host name or address is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """The host as it stands in a URL (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host


def host_of_url(url: str) -> str:
    """The host that a URL of the settings names, without the brackets of an address."""
    match = _URL.fullmatch(url)
    assert match is not None  # it was looked at when it was read
    return match["host"].strip("[]")


def _url(value: str) -> str:
    match = _URL.fullmatch(value)
    if match is None or int(match["port"] or 0) > _PORT_MAX:
        raise expected("`https://host[:port][/path]` with the host in lower case, without user, password or fragment")
    if match["scheme"] == "http" and not is_loopback(match["host"]):
        raise expected("`https://`: plain HTTP goes to this machine alone (127.0.0.1, localhost, [::1])")
    return value


def _origin(value: str) -> str:
    if "/" in _url(value).split("://", 1)[1]:
        raise expected("`https://host[:port]` without a path, and without a slash at the end")
    return value


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        if _HOST_NAME.fullmatch(value) is None:
            raise expected("an IP address, or a host name in lower case") from error
    return value


def _matching(pattern: str, what: str) -> AfterValidator:
    """Return the check that the whole text is of this form, named in words."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise expected(what)
        return value

    return AfterValidator(check)


Text = Annotated[str, _matching(r"[^\x00-\x1f\x7f]{1,4096}", "text on one line, not empty")]
TextOrEmpty = Annotated[str, _matching(r"[^\x00-\x1f\x7f]{0,1000}", "text on one line, of at most 1000 characters")]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
Words = Annotated[
    tuple[Annotated[str, _matching(r"(?s)[^\x00]{0,32768}", "text of at most 32768 characters")], ...],
    Field(strict=False),
]
"""An argument vector: what a program understands, line breaks and all."""
Seconds = Annotated[float, Field(gt=0, le=3600)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Host = Annotated[str, AfterValidator(_host)]
Url = Annotated[str, AfterValidator(_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Origins = Annotated[tuple[Origin, ...], Field(strict=False)]
Reference = Annotated[SecretReference, BeforeValidator(parse_reference)]
FileReference = Annotated[SecretReference, BeforeValidator(parse_file_reference)]
Printable = Annotated[str, _matching(r"[!-~]{1,1000}", "visible ASCII, at most 1000 characters")]
Scope = Annotated[str, _matching(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", "scopes with one space between them (RFC 6749 §3.3)")]
ClaimName = Annotated[str, _matching(r"[!-~]{1,128}", "the name of a claim, of visible ASCII")]
EnvironmentName = Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "a name of letters, digits and `_`")]
Environment = Annotated[
    Mapping[EnvironmentName, Annotated[EnvironmentValue, BeforeValidator(parse_environment_value)]],
    AfterValidator(lambda value: MappingProxyType(dict(value))),
]
ToolServerName = Annotated[
    str, _matching(r"[a-z0-9][a-z0-9-]{0,19}", "1 to 20 of `a-z`, `0-9`, `-`, and no `-` at the start")
]
ZoneName = Annotated[
    str, _matching(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}", "a time zone such as `Europe/Oslo`")
]
AgentName = Annotated[
    str,
    _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, `.`, `_`, `-`, a letter or digit first"),
]
WorkloadIssuerName = Annotated[
    str, _matching(r"[a-z0-9][a-z0-9-]{0,31}", "1 to 32 of `a-z`, `0-9`, `-`, and no `-` at the start")
]
WorkloadSubject = Annotated[str, _matching(r"[!-~]{1,200}", "1 to 200 visible ASCII characters: the whole `sub`")]
TrustDomain = Annotated[
    str, _matching(TRUST_DOMAIN, "a trust domain: lower-case letters, digits, `.`, `_`, `-`, without `spiffe://`")
]
QuotaName = Annotated[
    str, _matching(r"[a-z0-9][a-z0-9-]{0,31}", "1 to 32 of `a-z`, `0-9`, `-`, and no `-` at the start")
]
ArgumentPointer = Annotated[
    str, _matching(r"(?:/(?:[!-.0-}]|~[01])+){1,8}", "a JSON pointer to an argument, as in `/amount` (RFC 6901)")
]
FileDigest = Annotated[str, _matching(r"sha256:[0-9a-f]{64}", "`sha256:` and 64 hexadecimal digits")]
PublicKeyText = Annotated[str, _matching(r"ed25519:[A-Za-z0-9_-]{43}", "`ed25519:` and 43 characters of base64url")]
ToolPattern = Annotated[
    str,
    _matching(
        r"\*|[a-z0-9*][a-z0-9*-]{0,19}/"
        r"([A-Za-z0-9_.\-*/]{1,128}|(prompt|resource):[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%{}]{1,512})",
        "`<server>/<tool>`, `<server>/prompt:<name>`, `<server>/resource:<URI, template or prefix>` (`*` stands for any run "
        "of characters on its side), or `*`",
    ),
]
