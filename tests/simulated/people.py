"""The people of the tests: each has one key, always the same, so that a failure comes back as it was.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Operator, Operators, Role, parse_operators, write_operators


def key_of(name: str) -> SigningKey:
    """Return that person's key."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def operators_of(**roles: Role) -> Operators:
    """Return operators of these names, each in one role."""
    people = [Operator(name=name, public=key_of(name).public, roles=frozenset({role})) for name, role in roles.items()]
    return parse_operators(write_operators({person.public.keyid: person for person in people}))
