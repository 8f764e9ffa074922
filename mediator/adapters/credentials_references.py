"""Credentials for tool servers that insist on a static secret: resolved from a reference once, at assembly.

Nothing is minted or exchanged here, and nothing ever comes from an agent: its token is no `ToolCredential`. The
use of such a secret ends with the task, the secret itself does not; `holders_of_static_secrets` says whose.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final, final

from mediator.evidence import Secret
from mediator.mediation.credential import ToolCredential, credential_for
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused
from mediator.settings.values import SecretReference

SECRET_BYTES_MAX: Final = 16 * 1024  # a header of ours holds no more
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@final
class ReferencedCredentials:
    """A bearer for each tool server that has one, and nothing for the others."""

    def __init__(self, bearers: Mapping[str, Secret]) -> None:
        self._bearers = dict(bearers)

    def put(self, bearers: Mapping[str, Secret]) -> None:
        """Use these from now on, and no others: a server that is reached otherwise is not shown what it had before."""
        self._bearers = dict(bearers)

    async def obtain(self, permit: Permit) -> ToolCredential:
        """Return the credential for this permit's tool server."""
        return credential_for(permit, self._bearers.get(permit.item.server))

    def holders_of_static_secrets(self) -> tuple[str, ...]:
        """Return the tool servers whose secret outlives the task, in alphabetical order: for the report."""
        return tuple(sorted(self._bearers))


def resolve_secret(reference: SecretReference, environment: Mapping[str, str]) -> Secret:
    """Return what `env:NAME` or `file:/path` refers to.

    Raises `Refused(NO_CREDENTIAL)` naming the reference, never the secret: nothing there, a file that others may
    read, or text that is no bearer token (RFC 6750 §2.1: printable ASCII without spaces).
    """
    text = environment.get(reference.place, "") if reference.kind == "env" else _read_secret(reference)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _refused(reference, "there is nothing")
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > SECRET_BYTES_MAX:
        raise _refused(reference, "expected printable ASCII without spaces, on one line, of at most 16 KiB")
    return Secret(text)


def _read_secret(reference: SecretReference) -> str:
    try:
        descriptor = os.open(
            reference.place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        )  # a pipe that nobody writes is no wait
    except OSError as error:
        raise _refused(reference, "the file cannot be read") from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_mode & _OTHERS:
        os.close(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _refused(reference, "it is not a file")
        raise _refused(reference, "others may read or write the file", remedy=f"run `chmod 600 {reference.place}`")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(SECRET_BYTES_MAX + 3).decode("utf-8", "replace")


def _refused(reference: SecretReference, detail: str, remedy: str | None = None) -> Refused:
    return Refused(Reason.NO_CREDENTIAL, f"secret `{reference}`: {detail}", remedy=remedy)
