"""A running mediator before a real tool server that demands its own token, and a real authorization server where there is one.

    async with brokered(tmp_path, "exchange", monkeypatch) as side:
        side.mediator, side.tools, side.authorization
        side.credentials()              # every token that the tool server was shown, and could be shown
        side.secrets()                  # what proves the mediator to the authorization server

Kinds: `client_secret`, `client_key` (client credentials), `exchange`, `assertion`. The server is imported, signed and pinned
by the commands that people use, under the credential of the mediator's own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from mediator.assembly.folder import read_key
from mediator.identity.dsse import SigningKey
from tests.simulated.authorization_server import AuthorizationServer, verified, wall_clock_ms
from tests.simulated.guarded_server import Guarded, guarded
from tests.simulated.running import Running, running

KINDS: Final = ("client_secret", "client_key", "exchange", "assertion")
CLIENT_SECRET: Final = "the-client-secret-of-the-mediator-0123456789"


@dataclass(slots=True, kw_only=True)
class Brokered:
    """See the top of the file."""

    mediator: Running
    tools: Guarded
    authorization: AuthorizationServer

    def credentials(self) -> set[str]:
        return {*self.tools.tokens, *(issued.token for issued in self.authorization.issued)}

    def secrets(self) -> set[str]:
        sent = ("client_assertion", "subject_token")
        shown = [form[name] for _, form in self.authorization.requests for name in sent if name in form]
        basic = [
            headers["authorization"].split(" ")[1]
            for headers, _ in self.authorization.requests
            if "authorization" in headers
        ]
        return {CLIENT_SECRET, *shown, *basic}

    def claims(self) -> list[Mapping[str, Any]]:
        """What was said to the tool server, or to the authorization server, of those for whom it was asked, in order."""
        key = read_key(self.mediator.folder / ".mediator" / "keys" / "issuer.pem").public
        said = [verified(token, key, self.tools.url, wall_clock_ms()) for token in dict.fromkeys(self.tools.tokens)]
        return [claims for claims in said if claims] or [issued.claims for issued in self.authorization.issued]


@asynccontextmanager
async def brokered(
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    life_seconds: int = 600,
    more: str = "",
    **options: Any,
) -> AsyncIterator[Brokered]:
    """Set up, pin and start; `more` are further lines of the `[[tool_server]]`, `options` those of `running`."""
    monkeypatch.setenv("CLIENT_SECRET", CLIENT_SECRET)
    client_key, path = SigningKey.generate(), tmp_path / "client.pem"
    path.write_text(client_key.to_pem(None).reveal())
    path.chmod(0o600)
    async with AuthorizationServer(life_seconds=life_seconds) as authorization:
        authorization.allow("by-secret", secret=CLIENT_SECRET)
        authorization.allow("by-key", key=client_key.public)
        issuer: list[SigningKey] = []

        def believe(token: str, url: str) -> Mapping[str, Any] | None:
            if kind == "assertion":
                return verified(token, issuer[0].public, url, wall_clock_ms())
            found = [one for one in authorization.issued if (one.token, one.audience) == (token, url)]
            return found[0].claims if found else None

        async with guarded(believe) as tools:

            def prepare(folder: Path) -> None:
                issuer.append(read_key(folder / ".mediator" / "keys" / "issuer.pem"))
                authorization.trust(None, issuer[0].public)
                at = f'token_url = "{authorization.token_url}"\n'
                table = {
                    "client_secret": f'kind = "client_credentials"\n{at}client_id = "by-secret"\nclient_secret = "env:CLIENT_SECRET"\n',
                    "client_key": f'kind = "client_credentials"\n{at}client_id = "by-key"\nkey = "file:{path}"\n',
                    "exchange": f'kind = "exchange"\n{at}client_id = "by-secret"\nclient_secret = "env:CLIENT_SECRET"\n',
                    "assertion": f'kind = "assertion"\naudience = "{tools.url}"\n',
                }[kind]
                (folder / "tool_servers.d").mkdir(exist_ok=True)
                (folder / "tool_servers.d" / "sums.toml").write_text(
                    f'[[tool_server]]\nname = "sums"\nurl = "{tools.url}"\n{more}[tool_server.credential]\n{table}'
                )

            async with running(tmp_path, {}, others={"sums": ()}, prepare=prepare, **options) as mediator:
                yield Brokered(mediator=mediator, tools=tools, authorization=authorization)
