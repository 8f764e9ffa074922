"""One key, or one workload, under two agents: whoever copies a proof is found before it is worth anything (NHI9).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly.folder import Folder, open_folder, read_settings
from mediator.assembly.mediator import Mediator
from mediator.assembly.token_desk import TokenDesk
from mediator.canonical import DEFAULT_LIMITS, JsonObject, canonical_bytes
from mediator.cli.init_settings import PROFILE
from mediator.cli.main import run
from mediator.delegation.details import TYPE
from mediator.delegation.token_request import ClientCredentials
from mediator.edge.oauth_metadata import TOKEN
from mediator.evidence import Secret
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.compact import parse_compact
from mediator.identity.oauth_error import TokenRefused
from mediator.identity.proof import Shown, thumbprint_of
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.opened import BASE_URL, asks, opened, task_subject
from tests.simulated.people import key_of
from tests.simulated.proofs import ProvingKey
from tests.simulated.running import OWNER

ISSUER = '[[workload_issuer]]\nname = "spire"\ntrust_domain = "prod.example"\nkeys_file = "spire.json"\n'
PROOFS = {
    "one key": f'key = "{key_of("copied").public.text}"',
    "one workload": 'workload = { issuer = "spire", subject = "spiffe://prod.example/a" }',
    "one workload, under other conditions": (
        'workload = { issuer = "spire", subject = "spiffe://prod.example/a", claims = { x = "NAME" } }'
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Folder:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert run(["init", str(tmp_path / "work"), "--operator", OWNER]) == 0
    return open_folder(tmp_path / "work")


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


@promise("P7", "P9")
@pytest.mark.parametrize("name", PROOFS)
def test_two_profiles_with_one_proof_stop_every_command(home: Folder, name: str) -> None:
    """P9: the record could not say which of them acted; the finding names both, and no key."""
    profiles = [
        f'[[agent]]\nname = "{agent}"\nowner = "{OWNER}"\n{PROOFS[name].replace("NAME", agent)}\n'
        for agent in ("planner", "impostor")
    ]
    home.settings_file.write_text(home.settings_file.read_text() + ISSUER + "".join(profiles))
    with pytest.raises(Refused) as stop:
        read_settings(home)
    assert stop.value.reason is Reason.MALFORMED
    assert "`planner` and `impostor` have one" in stop.value.detail
    assert key_of("copied").public.text not in stop.value.detail


@promise("P4", "P9")
async def test_an_instances_key_is_no_second_instances_and_proves_no_other_agent(mediator: Mediator) -> None:
    """Issue 6: each instance has one; a copy of it opens no task, is on record once, and speaks for nobody else."""
    key = key_of("instance")
    mediator.desk.open(asks(mediator, task_subject(instance_key=key.public.text)))
    again = asks(mediator, task_subject(instance_key=key.public.text))
    for reason in (Reason.NOT_COVERED, Reason.PROOF_REPLAYED):
        with pytest.raises(Refused) as stop:
            mediator.desk.open(again)
        assert stop.value.reason is reason
    (noted,) = find_entries(mediator.folder.ledger, Wanted(kind="instance.refused")).entries
    assert isinstance(noted["body"], dict)
    assert (noted["body"]["instance_key"], noted["body"]["agent"]) == (key.public.keyid, PROFILE)
    now_ms = mediator.ports.clock.now_ms()
    for agent in ("impostor", OWNER):
        with pytest.raises(TokenRefused) as refused:
            TokenDesk(desk=mediator.desk).authenticate(sign_client_assertion(key, agent, BASE_URL, "1", now_ms), None)
        assert refused.value.reason is Reason.UNKNOWN_KEY
    proven = TokenDesk(desk=mediator.desk).authenticate(
        sign_client_assertion(key, PROFILE, BASE_URL, "1", now_ms), None
    )
    assert proven.keyid == key.public.keyid


@promise("P4", "P5", "P9")
async def test_the_key_of_an_instance_that_ended_is_no_other_instances(home: Folder) -> None:
    """Issue 6: whoever kept it would have a part in the next task; also where others came between, and over a restart."""

    def asked(mediator: Mediator, key: str) -> bytes:
        return asks(mediator, task_subject(instance_key=key_of(key).public.text))

    def refused(mediator: Mediator) -> Reason:
        with pytest.raises(Refused) as stop:
            mediator.desk.open(asked(mediator, "kept"))
        return stop.value.reason

    async with opened(home) as mediator:
        grant = mediator.desk.open(asked(mediator, "kept"))
        await mediator.desk.end(grant.id, OWNER)
        mediator.desk.open(asked(mediator, "between"))
        assert refused(mediator) is Reason.NOT_COVERED
    async with opened(home) as again:
        assert refused(again) is Reason.NOT_COVERED
        assert len(again.store.list_grants()) == 2


@promise("P4", "P5")
async def test_a_token_of_an_instance_is_bound_to_its_key_over_any_connection(mediator: Mediator) -> None:
    """Issue 6: a certificate is a machine's, or a sidecar's; what another process of it may use is not this one's."""
    key, other = key_of("instance"), ProvingKey()
    grant = mediator.desk.open(asks(mediator, task_subject(instance_key=key.public.text)))
    tokens, now_ms = TokenDesk(desk=mediator.desk), mediator.ports.clock.now_ms()
    held: JsonObject = {"type": TYPE, "grant": grant.id}
    asked = ClientCredentials(authorization_details=canonical_bytes([held]).decode(), scope=None, targets=())
    alone = Shown(proofs=(), is_dpop=False, method="POST", url=BASE_URL + TOKEN, certificate=other.thumbprint)
    proving = other.shown(url=alone.url, now=now_ms // 1000)
    bound_to = []
    for shown in (None, alone, replace(proving, certificate=other.thumbprint)):
        client = tokens.authenticate(sign_client_assertion(key, PROFILE, BASE_URL, secrets.token_hex(8), now_ms), None)
        told = await tokens.issue(client, asked, None if shown is None else tokens.verify_proof(shown))
        bound_to.append(parse_compact(Secret(str(told["access_token"])), DEFAULT_LIMITS)[1]["cnf"])
    assert bound_to == [{"jkt": thumbprint_of(key.public)}] * 2 + [{"jkt": other.thumbprint}]
