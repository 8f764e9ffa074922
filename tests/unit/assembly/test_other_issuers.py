"""What is done for tokens of other issuers, over a real set-up.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator
from mediator.assembly.other_issuers import OtherIssuers
from mediator.evidence import Secret
from mediator.identity.identify import Identified, identify
from mediator.refusal import Reason, Refused
from mediator.settings.sections import DelegationSettings, Settings
from tests.promises import promise
from tests.simulated.identity_provider import IdentityProvider
from tests.simulated.opened import BASE_URL, opened


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


@pytest.fixture
async def mediator(home: Folder, idp: IdentityProvider) -> AsyncIterator[Mediator]:
    with home.settings_file.open("a") as file:
        file.write(f'\n[[issuer]]\nname = "corp"\nissuer = "{idp.issuer}"\nkeys_url = "{idp.keys_url}"\n')
        file.write('owner = "alice@example.com"\nminutes = 2\n')
    async with opened(home) as one:
        yield one


def who(mediator: Mediator, idp: IdentityProvider) -> Identified:
    keys = mediator.trust.snapshot().keys
    return identify(Secret(idp.token(BASE_URL)), keys, frozenset({BASE_URL}), mediator.ports.clock.now_ms(), 30)


@promise("P9")
async def test_a_task_is_opened_once_within_what_the_settings_say(mediator: Mediator, idp: IdentityProvider) -> None:
    """Ours: and on record before it is stored."""
    identity, now_ms = who(mediator, idp), mediator.ports.clock.now_ms()
    mediator.ports.issuers.open(identity, now_ms)
    grant = mediator.store.find_grant(identity.claims.grant)
    assert grant is not None
    assert (grant.agent, grant.owner, grant.expires_ms) == ("corp:ci-bot", "alice@example.com", now_ms + 120_000)
    with pytest.raises(Refused) as stop:
        mediator.ports.issuers.open(identity, now_ms)
    assert stop.value.reason is Reason.CHAIN_INVALID
    assert not await mediator.ports.issuers.learn("https://stranger.example")


@promise("P5")
@pytest.mark.parametrize("name", ["agent:corp:ci-bot", "owner:alice@example.com", "class:agent", "everything"])
async def test_nothing_is_opened_for_who_is_stopped(mediator: Mediator, idp: IdentityProvider, name: str) -> None:
    """Ours: neither stored nor on record."""
    identity = who(mediator, idp)
    mediator.store.freeze(name, "sha256:0")
    with pytest.raises(Refused) as stop:
        mediator.ports.issuers.open(identity, mediator.ports.clock.now_ms())
    assert (stop.value.reason, mediator.store.list_grants()) == (Reason.FROZEN, ())


@promise("P7")
async def test_an_agent_holds_no_more_than_so_many_tasks(mediator: Mediator, idp: IdentityProvider) -> None:
    """Ours; and nobody whom the settings do not name opens one."""
    issuers = mediator.ports.issuers
    assert isinstance(issuers, OtherIssuers)
    limits = DelegationSettings(open_tasks_per_agent_max=1)
    few = replace(issuers, settings=issuers.settings.model_copy(update={"delegation": limits}))
    few.open(who(mediator, idp), mediator.ports.clock.now_ms())
    none = replace(issuers, settings=Settings())
    for refusing, reason in ((few, Reason.RATE_LIMITED), (none, Reason.GRANT_UNKNOWN)):
        with pytest.raises(Refused) as stop:
            refusing.open(who(mediator, idp), mediator.ports.clock.now_ms())
        assert stop.value.reason is reason
