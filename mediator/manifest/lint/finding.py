"""What the linter can find, how loud each finding is, and what it is found in.

Pure. Two loudnesses, by code alone: an *alarm* is how poisoned definitions look, counts as a detection in the
benchmark, and has to be acknowledged by its code when the item is approved; a *warning* is shown and nothing more.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, final

from mediator.canonical import Json
from mediator.effect import Effect
from mediator.kind import ItemKind


@unique
class Severity(StrEnum):
    """How loud a finding is."""

    WARN = "warn"
    ALARM = "alarm"


@unique
class FindingCode(StrEnum):
    """Every kind of finding. The values are what reviewers acknowledge; they never change their meaning."""

    HIDDEN_TEXT = "hidden-text"
    """What nobody sees and a model reads: zero width, tags, variation selectors, private use, text pushed out of view."""
    BIDI_CONTROL = "bidi-control"
    """Characters that turn the direction of writing, so that a reviewer reads another text than the model."""
    CONTROL_CHARACTER = "control-character"
    """Terminal escapes and other controls: what a terminal shows is not what stands there."""
    LOOK_ALIKE_NAME = "look-alike-name"
    """A name that passes for the name of a tool of another server, or mixes scripts."""
    SHADOWS_TOOL = "shadows-tool"
    """The name and description of another server's tool, or the claim to stand in the place of others."""
    OVERRIDES_INSTRUCTIONS = "overrides-instructions"
    """Asks a model to drop, replace or outrank what it was told."""
    ORDERS_MODEL = "orders-model"
    """Orders a model to do something that is not the tool's own work, or speaks in the system's voice."""
    HIDES_FROM_USER = "hides-from-user"
    """Asks that the user not be told, asked or shown something."""
    STEERS_OTHER_TOOL = "steers-other-tool"
    """Says how, when or whether tools of other servers are to be used."""
    ASKS_FOR_SECRETS = "asks-for-secrets"
    """Asks to read, collect or hand over credentials, private files or the conversation."""
    SENDS_AWAY = "sends-away"
    """Asks for data to be sent where the tool's work does not need it."""
    ENCODED_TEXT = "encoded-text"
    """Readable text behind an encoding: base64, hex, escapes, rotated or reversed letters."""
    EFFECT_UNDERSTATED = "effect-understated"
    """A name, an annotation or a text that says more than the declared effect."""
    SHARES_NAME = "shares-name"
    """The name of another server's tool, with a description of its own."""
    ADDRESSES_MODEL = "addresses-model"
    """Speaks to or of the model, without more."""
    NAMES_OTHER_TOOL = "names-other-tool"
    """Names a tool of another server."""
    MENTIONS_SECRETS = "mentions-secrets"
    """Speaks of credentials or private files, without asking for them."""
    QUOTES_ORDERS = "quotes-orders"
    """Repeats such orders as an example, or as what it detects."""
    ENCODED_BLOB = "encoded-blob"
    """A long encoded value that does not read as text."""
    PRESSES = "presses"
    """Presses its case: always, first, instead of any other."""

    @property
    def severity(self) -> Severity:
        """An alarm, or a warning."""
        return Severity.WARN if self in _WARNINGS else Severity.ALARM


_WARNINGS: Final = frozenset(
    {
        FindingCode.SHARES_NAME,
        FindingCode.ADDRESSES_MODEL,
        FindingCode.NAMES_OTHER_TOOL,
        FindingCode.MENTIONS_SECRETS,
        FindingCode.QUOTES_ORDERS,
        FindingCode.ENCODED_BLOB,
        FindingCode.PRESSES,
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LintItem:
    """One thing to read: a tool, a prompt or a resource family as its server offers it."""

    server: str
    kind: ItemKind | None
    """None is the server itself: its instructions."""
    name: str
    definition: Json
    effect: Effect | None = None
    """The declared effect, where one was declared."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A tool that is pinned already, or offered beside: what names are compared with."""

    server: str
    name: str
    description: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding: which kind, where, and what stands there, with hidden characters written out."""

    code: FindingCode
    server: str
    kind: ItemKind | None
    name: str
    pointer: str
    """RFC 6901, into the item's definition."""
    excerpt: str
    detail: str

    @property
    def severity(self) -> Severity:
        """An alarm, or a warning."""
        return self.code.severity


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a detector saw in one text, before it is known whose text that is."""

    code: FindingCode
    excerpt: str
    detail: str


def instructions_of(server: str, instructions: str) -> LintItem:
    """Return the server's instructions as something to read."""
    return LintItem(server=server, kind=None, name="", definition={"instructions": instructions})
