"""The words that rules are made of, by what they mean in an order: who is spoken to, what act, on what object.

Pure. English; `languages.py` holds the others. A verb stands here in its plain form, which gives orders; `forms` adds
the forms that describe.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Words = frozenset[str]

_IRREGULAR: Final = {
    "send": "sent",
    "put": "put",
    "read": "read",
    "steal": "stolen",
    "get": "got",
    "find": "found",
    "hand": "handed",
    "give": "given",
    "take": "taken",
    "ship": "shipped",
    "drop": "dropped",
    "submit": "submitted",
    "transmit": "transmitted",
    "transfer": "transferred",
    "channel": "channelled",
    "embed": "embedded",
    "grab": "grabbed",
    "copy": "copied",
    "supply": "supplied",
    "relay": "relayed",
    "deliver": "delivered",
    "collect": "collected",
    "bring": "brought",
    "say": "said",
    "tell": "told",
    "show": "shown",
    "write": "written",
    "run": "run",
    "wipe": "wiped",
    "dump": "dumped",
}


def words(text: str) -> Words:
    """Return a vocabulary from words with spaces between; `_` stands for the space inside a phrase."""
    return frozenset(word.replace("_", " ") for word in text.split())


def forms(verbs: Words) -> Words:
    """Return the verbs in every form: `send sends sending sent`."""
    every: set[str] = set()
    for verb in verbs:
        stem = verb.removesuffix("e")
        doubled = _IRREGULAR.get(verb, "").removesuffix("ed") if _IRREGULAR.get(verb, "").endswith("ed") else ""
        ending = "es" if verb.endswith(("s", "sh", "ch", "x")) else "s"
        third = f"{verb[:-1]}ies" if verb.endswith("y") and verb[-2] not in "aeo" else f"{verb}{ending}"
        ing = f"{doubled}ing" if doubled and doubled[-1] == doubled[-2] else f"{stem}ing"
        every |= {verb, third, ing, _IRREGULAR.get(verb, f"{stem}ed")}
    return frozenset(every)


READER: Final = words(
    "assistant assistants model models llm llms ai ais agent agents bot chatbot copilot claude chatgpt gpt gemini"
)
USER: Final = words(
    "user users human humans person people customer customers operator owner them him her anyone anybody nobody everyone "
    "client someone"
)
NOT: Final = words("not never without avoid refrain no dont nor neither")
TELL: Final = words(
    "tell mention inform notify alert reveal disclose report announce expose admit discuss acknowledge divulge warn explain "
    "bother trouble"
)
SHOW: Final = words("show display say state include output print surface share raise bring confirm refer")
COVERTLY: Final = words("silently quietly secretly covertly stealthily discreetly invisibly unnoticed surreptitiously")

IGNORE: Final = words("ignore disregard forget override bypass discard dismiss abandon overrule neglect supersede")
EARLIER: Final = words(
    "previous prior earlier above preceding former past your system safety original initial any all other every "
    "whatever existing those these developer"
)
GUIDANCE: Final = words(
    "instruction instructions rule rules directive directives guideline guidelines guidance prompt prompts policy policies "
    "order orders command commands constraint constraints restriction restrictions safeguard safeguards guardrail "
    "guardrails directions training limitations principles programming context"
)

READ: Final = words(
    "read open load fetch retrieve access cat collect gather obtain extract grab harvest dump find look locate scan copy list get "
    "inspect use"
)
GIVE: Final = words(
    "pass provide supply include put paste place insert append attach add embed fill hand give share enter populate prefix "
    "prepend submit write feed contain set prepend"
)
SEND: Final = words(
    "send post upload forward transmit exfiltrate leak email mail push sync mirror relay deliver ship stream beacon bcc copy "
    "share publish report route pass redirect transfer dispatch deposit channel funnel smuggle disclose"
)
DESTROY: Final = words("delete remove wipe erase destroy drop purge truncate overwrite format")
RUN: Final = words("run execute invoke call eval launch start")
MUST: Final = words(
    "must shall should always need needs has have required require requires mandatory please kindly ensure remember sure "
    "expected asked supposed critical essential necessary important"
)

EXTERNAL: Final = frozenset(
    {
        *words("<url> <mail> external attacker collector webhook outside analytics elsewhere us exfil pastebin"),
        *("third party", "third parties", "remote server", "remote host", "remote webhook", "remote endpoint"),
        *words(
            "broker partner partners advertisers abroad affiliate affiliates vendor <account> public_gist drop_box dropbox rival forum public_storage public_bucket"
        ),
        *("another server", "our server", "our servers", "other server", "paste service", "mirror remote", "partner"),
    }
)
ALSO: Final = frozenset(
    {
        *words(
            "also additionally besides moreover furthermore afterwards afterward beforehand then finish finally copy copies"
        ),
        *(
            "as well",
            "plus",
            "in addition",
            "side effect",
            "each time",
            "every time",
            "after each",
            "along with",
            "at the same time",
        ),
    }
)

CREDENTIALS: Final = frozenset(
    {
        *words(
            "<secret> <variable> credentials passwords passphrase cookies keychain mnemonic secrets tokens passcodes"
        ),
        *(
            "private key",
            "private keys",
            "ssh key",
            "ssh keys",
            "api keys",
            "seed phrase",
            "recovery phrase",
            "access keys",
        ),
        *(
            "environment variables",
            "session token",
            "session cookie",
            "ssh folder",
            "ssh directory",
            "env file",
            "secret key",
        ),
        *(
            "secret keys",
            "access tokens",
            "auth tokens",
            "bearer token",
            "credentials file",
            "key file",
            "credential file",
        ),
        *("id rsa", "ssh id", "aws credentials", "env contents", "etc passwd"),
        *("password manager", "bank details", "card number", "credit card", "social security", "account number"),
        *("master password", "system prompt", "api key and", "configuration secrets", "saved logins"),
    }
)
PRIVATE: Final = frozenset(
    {
        *words(
            "question questions message messages prompt prompts conversation conversations chat chats transcript document "
            "documents file files history contacts inbox emails mails calendar health clipboard repositories dialogue "
            "notes answer answers reply replies"
        ),
        *(
            "address book",
            "home directory",
            "browsing history",
            "personal data",
            "personal information",
            "direct messages",
        ),
    }
)
"""What belongs to the user; that a tool works on it is nothing odd by itself."""

KNOW: Final = words("know see notice learn told informed asked aware shown hear troubled bothered realize realise")
MODAL: Final = words("must should need needs does do may can will is are shall has have")
ANSWER: Final = words("answering replying responding answer reply response answers replies responses")
TOOLS: Final = words("tool tools function functions server servers")
PARAMETER: Final = words("argument arguments parameter parameters param field fields input call request query calls")
CONTENT: Final = words(
    "content contents text texts bytes value values everything body output copy dump transcript what"
)

STEER: Final = words(
    "call use invoke run calling using invoking running avoid repeat replace prefer trigger execute deprecated unsafe instead "
    "results result output outputs wrong add double "
    "first before after must should always never not called invoked used runs returned returns whenever when if once need "
    "needs piped replaces bug disable disabled"
)

VOCABULARY: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "ANY_DESTROY": forms(DESTROY),
        "ANY_GIVE": forms(GIVE),
        "ANY_READ": forms(READ),
        "ANY_SEND": forms(SEND) | {"bcc"},
        "ANSWER": ANSWER,
        "ALSO": ALSO,
        "CONTENT": CONTENT,
        "COVERTLY": COVERTLY,
        "CREDENTIALS": CREDENTIALS,
        "DESTROY": DESTROY,
        "EARLIER": EARLIER,
        "EXTERNAL": EXTERNAL,
        "GIVE": GIVE,
        "GUIDANCE": GUIDANCE,
        "IGNORE": IGNORE,
        "KNOW": KNOW,
        "MODAL": MODAL,
        "MUST": MUST,
        "NOT": NOT,
        "PARAMETER": PARAMETER,
        "PRIVATE": PRIVATE,
        "READ": READ,
        "READER": READER,
        "RUN": RUN,
        "SEND": SEND,
        "SHOW": SHOW,
        "STEER": STEER,
        "TELL": forms(TELL),
        "TOOLS": TOOLS,
        "USER": USER,
    }
)
