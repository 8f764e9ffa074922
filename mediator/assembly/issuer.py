"""The local issuer: the key that signs tokens now, and those that signed before and are believed a little longer.

No file is touched here (`issuer_files.py`), and nothing decided about who may rotate (`rotation.py`). `Issuer` is the one
holder that everybody asks; what it holds is a value, swapped whole. A key that was retired is kept by its public half
alone, as long as a token that it signed may live. Past that it verifies nothing, and stands here until this process ends,
so that a call that is under way is not refused for it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mediator.adapters.minter_jwt import jwk_set
from mediator.canonical import JsonObject
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.keys import Retirement
from mediator.settings.sections import CLOCK_SKEW_SECONDS_MAX, TOKEN_MINUTES_MAX

# Of the hardest settings, not of those in force: a setting that is shortened, or a skew that is raised, before the last
# token has expired must not make the key end too early.
TOKEN_LIFE_MS: Final = (TOKEN_MINUTES_MAX * 60 + CLOCK_SKEW_SECONDS_MAX) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredKey:
    """A key that signs no more, and the operator's statement by which it was retired."""

    public: PublicKey
    retirement: Retirement
    statement: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    """The keys of the local issuer at one moment; `retired` in order of their ids."""

    signing_key: SigningKey
    retired: tuple[RetiredKey, ...] = ()

    @property
    def all_public(self) -> tuple[PublicKey, ...]:
        """Every key, the one in use first, also of those whose time is over."""
        return (self.signing_key.public, *(key.public for key in self.retired))

    @property
    def retirements(self) -> Mapping[str, Retirement]:
        """When each retired key was retired, and until when it is believed, by key id."""
        return {key.public.keyid: key.retirement for key in self.retired}

    def public_keys(self, now_ms: int) -> tuple[PublicKey, ...]:
        """The keys that verify something now, the one in use first."""
        return (self.signing_key.public, *(key.public for key in self.retired if key.retirement.until_ms > now_ms))

    def rotated(self, new: SigningKey, statement: bytes, now_ms: int) -> IssuerKeys:
        """The keys once the one in use is retired by this statement, and the new one signs."""
        retirement = Retirement(retired_ms=now_ms, until_ms=now_ms + TOKEN_LIFE_MS)
        old = RetiredKey(public=self.signing_key.public, retirement=retirement, statement=statement)
        retired = sorted((*self.retired, old), key=lambda key: key.public.keyid)
        return IssuerKeys(signing_key=new, retired=tuple(retired))


class Issuer:
    """Holds the keys; whoever mints or publishes asks each time, so that a rotation is in force at once."""

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    @property
    def keys(self) -> IssuerKeys:
        """The keys of this moment."""
        return self._keys

    @property
    def signing_key(self) -> SigningKey:
        """What tokens are signed with from now on."""
        return self._keys.signing_key

    def public_keys(self, now_ms: int) -> tuple[PublicKey, ...]:
        """The keys that verify something now, the one in use first."""
        return self._keys.public_keys(now_ms)

    def jwks(self, now_ms: int) -> JsonObject:
        """The JWK set to publish (RFC 7517 §5): a retired key stands in it until it verifies nothing more."""
        return jwk_set(*self.public_keys(now_ms))

    def put(self, keys: IssuerKeys) -> None:
        """Put these in the place of those that are held."""
        self._keys = keys
