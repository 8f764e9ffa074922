"""Who else is asked about calls, as the settings name them: addresses, and the secrets that they want, resolved once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Callable

from mediator.adapters.credentials_references import resolve_secret
from mediator.adapters.second_opinions_http import Address, HttpOpinions
from mediator.settings.sections import Settings


def make_opinions(settings: Settings, alarm: Callable[[str], None]) -> HttpOpinions:
    """Return who asks them; raises `Refused(NO_CREDENTIAL)` for a secret that is not there."""
    addresses = {
        one.name: Address(
            kind=one.kind,
            url=one.url,
            seconds=one.seconds,
            tells_arguments=one.arguments,
            bearer=None if one.credential is None else resolve_secret(one.credential, os.environ),
        )
        for one in settings.decision_points
    }
    return HttpOpinions(addresses, alarm)
