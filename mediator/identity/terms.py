"""Terms: what is demanded of an issuer's tokens beyond a good signature, and what they may say of who acts.

Pure. An issuer of ours, and one whose tokens name a stored grant, has the plain terms. One that *opens tasks* also says who
acts, who answers for it and with which scopes: an agent of another issuer is `<issuer's name>:<claim>`, so that no claim of
a token ever comes to the name of a profile here, or of an agent of another issuer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.identity.claims import text_of
from mediator.refusal import Reason, Refused

ACCESS_TOKEN: Final = "at+jwt"  # RFC 9068 §2.1
ANY_JWT: Final = "jwt"  # RFC 7519 §5.1: `JWT`, or no `typ` at all
_PREFIX: Final = "application/"
_TEXT_MAX: Final = 128  # an agent is named in freezes, of at most 256 characters
_SCOPES_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimOr:
    """A fixed text, or the claim that says it."""

    fixed: str | None = None
    claim: str | None = None

    def of(self, claims: JsonObject, default: str) -> str:
        """Return what the token says, where it is to say it; raises `Refused(BAD_CREDENTIAL)` where it does not."""
        if self.claim is not None:
            return _name(claims, self.claim)
        return default if self.fixed is None else self.fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """Which claims of a token say who acts, who answers for it, of which class and team it is, and what it may."""

    name: str
    agent_claim: str
    owner: ClaimOr
    agent_class: ClaimOr
    team: ClaimOr
    scope_claim: str

    def form(self) -> JsonObject:
        """Return the JSON form that the digest of what is trusted covers."""
        both = {"owner": self.owner, "class": self.agent_class, "team": self.team}
        plain: JsonObject = {"name": self.name, "agent_claim": self.agent_claim, "scope_claim": self.scope_claim}
        return plain | {name: [one.fixed, one.claim] for name, one in both.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerTerms:
    """`audience` is what a token must be made for, where that is not our own address; `types` are what `typ` may say."""

    audience: str | None = None
    types: tuple[str, ...] = (ACCESS_TOKEN,)
    opens: ClaimMapping | None = None

    def form(self) -> JsonObject:
        """Return the JSON form that the digest of what is trusted covers."""
        return {
            "audience": self.audience,
            "types": [*self.types],
            "opens": None if self.opens is None else self.opens.form(),
        }

    def takes(self, kind: Json) -> bool:
        """Tell whether a token of this `typ` is looked at; the case is none of ours (RFC 2045 §5.1)."""
        if kind is None:
            return ANY_JWT in self.types
        return isinstance(kind, str) and kind.lower().removeprefix(_PREFIX) in self.types


PLAIN: Final = IssuerTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """Who acts, as a token says that opens a task by itself: there is nobody's statement beside it."""

    agent: str
    owner: str
    agent_class: str
    team: str
    scopes: tuple[str, ...]


def asserted_by(claims: JsonObject, mapping: ClaimMapping) -> Asserted:
    """Return who acts, as this token says; raises `Refused(BAD_CREDENTIAL)` where it does not say it.

    Or says that an agent answers for itself: RFC 9068 §2.2 has `sub` be the client where nobody delegated to it.
    """
    agent, owner = _name(claims, mapping.agent_claim), mapping.owner.of(claims, "")
    if mapping.owner.claim is not None and owner == agent:
        raise _bad(
            f"the claims `{mapping.agent_claim}` and `{mapping.owner.claim}` say one name: nobody answers for it"
        )
    return Asserted(
        agent=f"{mapping.name}:{agent}",
        owner=owner,
        agent_class=mapping.agent_class.of(claims, "agent"),
        team=mapping.team.of(claims, ""),
        scopes=_scopes(claims.get(mapping.scope_claim, ""), mapping.scope_claim),
    )


def asserted_form(asserted: Asserted) -> JsonObject:
    """Return the JSON form that a record keeps."""
    return {
        "agent": asserted.agent,
        "owner": asserted.owner,
        "class": asserted.agent_class,
        "team": asserted.team,
        "scopes": [*asserted.scopes],
    }


def recall_asserted(form: Json) -> Asserted:
    """Return what `asserted_form` wrote; raises `Refused(MALFORMED)` for any other form."""
    match form:
        case {
            "agent": str(agent),
            "owner": str(owner),
            "class": str(agent_class),
            "team": str(team),
            "scopes": list(scopes),
            **rest,
        } if not rest:
            return Asserted(
                agent=agent, owner=owner, agent_class=agent_class, team=team, scopes=tuple(map(str, scopes))
            )
        case _:
            raise Refused(Reason.MALFORMED, "recorded claims cannot be read")


def _name(claims: JsonObject, claim: str) -> str:
    text = text_of(claims, claim)
    if len(text) > _TEXT_MAX or not text.isprintable() or not text.strip():
        raise _bad(f"the claim `{claim}` is not a name of at most {_TEXT_MAX} printable characters")
    return text


def _scopes(value: Json, claim: str) -> tuple[str, ...]:
    """RFC 6749 §3.3: one text with spaces between them; some issuers write a list."""
    words = value.split(" ") if isinstance(value, str) else value
    if not isinstance(words, list) or len(words) > _SCOPES_MAX:
        raise _bad(f"the claim `{claim}` holds no scopes, or more than {_SCOPES_MAX}")
    texts = [word for word in words if isinstance(word, str)]
    if len(texts) != len(words):
        raise _bad(f"the claim `{claim}` holds something else than scopes")
    return tuple(sorted({text for text in texts if text}))


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
