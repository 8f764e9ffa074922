"""The keys of whoever vouches for workloads: as they stand in their files now.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.workloads import WorkloadKeys
from mediator.canonical import canonical_bytes
from mediator.refusal import Refused
from mediator.settings.sections import Settings
from mediator.settings.workloads import WorkloadIssuerSettings
from tests.promises import promise
from tests.simulated.workloads import CI, EcKey, OidcPlatform, SpiffeAuthority

SPIRE = WorkloadIssuerSettings(
    name="spire", trust_domain="prod.example", keys_file="spire.json", life_seconds_max=300, reusable=True
)
PIPELINES = WorkloadIssuerSettings(name="ci", issuer=CI, keys_file="ci.json")


def test_an_issuer_is_what_the_settings_say_with_the_keys_of_its_file(tmp_path: Path) -> None:
    """Ours: a bundle's keys for JWT-SVIDs, a JWK set's for signatures."""
    platform = OidcPlatform(CI)
    (tmp_path / "spire.json").write_bytes(canonical_bytes(SpiffeAuthority("prod.example").bundle()))
    (tmp_path / "ci.json").write_bytes(canonical_bytes(platform.jwks()))
    keys = WorkloadKeys(root=tmp_path)
    spire, ci = keys.read(SPIRE), keys.read(PIPELINES)
    assert (spire.trust_domain, spire.issuer, spire.life_seconds_max, spire.is_reusable) == (
        "prod.example",
        None,
        300,
        True,
    )
    assert (ci.trust_domain, ci.issuer, ci.is_reusable) == (None, CI, False)
    assert (sorted(spire.keys.keys), sorted(ci.keys.keys)) == (["ec-1"], ["rsa-1"])
    keys.must_be_there(Settings().model_copy(update={"workload_issuers": (SPIRE, PIPELINES)}))


@promise("P5")
def test_what_stands_there_now_counts(tmp_path: Path) -> None:
    """SPIFFE Trust Domain and Bundle §5: a platform renews its keys when it likes."""
    keys = WorkloadKeys(root=tmp_path)
    for name in ("a", "b"):
        bundle = SpiffeAuthority("prod.example", EcKey(name)).bundle()
        (tmp_path / "spire.json").write_bytes(canonical_bytes(bundle))
        assert [*keys.read(SPIRE).keys.keys] == [name]


@promise("P7")
@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"keys": []}', b'{"keys": [{"use": "jwt-svid"}]}'])
def test_a_file_that_is_not_whole_vouches_for_nobody(tmp_path: Path, content: bytes | None) -> None:
    """P7: the operator is told which, the client is not."""
    if content is not None:
        (tmp_path / "spire.json").write_bytes(content)
    keys = WorkloadKeys(root=tmp_path)
    with pytest.raises(Refused) as stop:
        keys.must_be_there(Settings().model_copy(update={"workload_issuers": (SPIRE,)}))
    assert "spire.json" in stop.value.detail
    assert stop.value.sentence == "the keys of the workload's issuer cannot be read here"
