"""`[server.tls]`: what must stand there, and what may not stand alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.refusal import Refused
from mediator.settings.parse import parse_settings
from mediator.settings.tls import TlsSettings
from tests.promises import promise

FILES = {"certificate": "chain.pem", "key": "key.pem"}


def parsed(**tls: Any) -> TlsSettings:
    found = parse_settings({"server": {"tls": tls}}).server.tls
    assert found is not None
    return found


def test_no_client_is_asked_for_a_certificate_unless_somebody_vouches_for_them() -> None:
    """Ours: two files are enough; whoever names an authority looks at what clients show, and takes those who show nothing."""
    assert parsed(**FILES) == TlsSettings(certificate="chain.pem", key="key.pem")
    assert parsed(**FILES).client_ca is None
    assert parsed(**FILES, client_ca="ca.pem").client_certificates == "optional"
    assert parsed(**FILES, client_ca="ca.pem", client_certificates="required").client_certificates == "required"


WRONG: dict[str, tuple[dict[str, object], str, str]] = {
    "no key": ({"certificate": "chain.pem"}, "`server.tls.key` is missing", "add it"),
    "nobody vouches": (
        {**FILES, "client_certificates": "required"},
        "`server.tls`: expected `client_certificates` only beside `client_ca`: somebody must vouch for them",
        "correct it",
    ),
    "a third way": (
        {**FILES, "client_ca": "ca.pem", "client_certificates": "none"},
        "`server.tls.client_certificates`: expected 'optional' or 'required'",
        "correct it",
    ),
    "misspelt": ({**FILES, "cilent_ca": "ca.pem"}, "unknown key `server.tls.cilent_ca`", "did you mean `client_ca`?"),
    "empty": (
        {**FILES, "certificate": ""},
        "`server.tls.certificate`: expected text on one line, not empty",
        "correct",
    ),
}


@promise("P7")
@pytest.mark.parametrize(("tls", "what", "next_step"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_refused_by_name(tls: dict[str, object], what: str, next_step: str) -> None:
    """Ours: an error names the key and the next step, and repeats no value."""
    with pytest.raises(Refused) as stop:
        parsed(**tls)

    assert stop.value.detail == f"mediator.toml: {what}"
    assert (stop.value.remedy or "").startswith(next_step)
