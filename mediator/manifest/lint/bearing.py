"""The bearing of a sentence: whether it speaks of things that are none of the tool's business in the tone of an order.

Pure. Rules look for acts in a certain order of words; poison that is phrased politely, or under a pretext, has no such
order, but it still has to name what it wants, what is to be done with it, and why it must be. A sentence that has all of
these, for a tool that by its name is for something else, is a hit.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.reading import Sentence
from mediator.manifest.lint.topic import Topic
from mediator.manifest.lint.vocabulary import GIVE, READ, SEND, USER, forms, words

_CREDENTIAL: Final = words(
    "<secret> <variable> <private> credentials logins passwords cookies cookie passphrase passcode keychain mnemonic cvv iban passport ssn "
    "payroll salary medical dotenv bashrc netrc confidential secrets wallet birthday"
)
_TALK: Final = words(
    "conversation conversations chat chats transcript dialogue prompt prompts message messages typed discussed said wrote "
    "utterances question questions response responses thought reasoning turn turns history documents photos inbox "
    "contacts location hostname username applications address emails"
)
_TRANSFER: Final = (
    forms(
        (READ - {"get", "use", "list", "open", "find", "access", "load"})
        | (GIVE - {"set", "contain", "use", "populate", "write"})
        | SEND
        | words("deposit store record log supply look reveal describe take carry bear comprise hold")
    )
    - {
        "log",
        "record",
        "store",
        "logs",
        "records",
        "stores",
        "reports",
        "report",
        "read",
        "reads",
        "pushes",
        "push",
        "look",
    }
) | words("opened looked gathered goes")
_OBLIGED: Final = words(
    "must should has have need needs required requires expects expected obliged mandatory policy always ensure sure please "
    "kindly necessary necessarily obligatory supposed depends instructed essential crucial"
)
_BEYOND: Final = words(
    "every each all any whenever whatever everything first beforehand prior afterwards session last full entire whole along "
    "verbatim complete straight immediately recent entirety"
)
_PRETEXT: Final = words(
    "compliance regulation security integrity verification verify validation calibration telemetry beta protocol policy "
    "licence license genuine trusted quality precision debug entropy diagnostics audit personalization personalisation otherwise "
    "fails remedy unlock bug compatibility regulatory analytics improve improvement accuracy legal"
)
_GIVEN: Final = forms(GIVE - {"use", "set"}) | forms(SEND)
_HELD: Final = words("<secret>")
_FIRM: Final = words("must should shall mandatory obliged before beforehand prior first otherwise ensure")
_TWO_TONES: Final = 2
_EVERY: Final = words("every each all any always whenever")
_FORBIDS: Final = re.compile(
    r" (?:not|never) (?:[^ ]+ ){0,1}?(?:include|send|pass|share|commit|store|log|put|paste|provide|enter|save|upload) "
)
_READER: Final = words("agent agents assistant assistants model llm ai you your client")


def bearing(sentence: Sentence, topics: frozenset[Topic]) -> Iterator[tuple[FindingCode, str]]:
    """Yield what the sentence wants by its bearing."""
    has = sentence.vocabulary
    if (
        not has.isdisjoint(_EVERY)
        and not has.isdisjoint(_OBLIGED | {"be"})
        and not has.isdisjoint({"<mail>", "<account>"})
    ):
        yield FindingCode.SENDS_AWAY, "has everything go to one address"
    if _FORBIDS.search(sentence.words):
        return
    tones = sum(not has.isdisjoint(tone) for tone in (_OBLIGED, _BEYOND, _PRETEXT, _READER))
    handed = not has.isdisjoint(_TRANSFER)
    if not has.isdisjoint(_HELD) and not has.isdisjoint(_FIRM) and handed:
        yield FindingCode.ASKS_FOR_SECRETS, "insists on a file that holds credentials"
    given = "<secret>" in has and not has.isdisjoint(_GIVEN)
    if (
        Topic.SECRETS not in topics
        and not has.isdisjoint(_CREDENTIAL)
        and (given or tones >= (1 if handed else _TWO_TONES))
    ):
        yield FindingCode.ASKS_FOR_SECRETS, "wants credentials or other secrets, which are none of its business"
    if (
        Topic.TALK not in topics
        and handed
        and tones >= _TWO_TONES
        and not has.isdisjoint(_TALK)
        and not has.isdisjoint(USER | _READER)
    ):
        yield FindingCode.ASKS_FOR_SECRETS, "wants what passes between the user and the model"
