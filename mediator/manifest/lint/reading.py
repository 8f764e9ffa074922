"""A text as a model takes it in: sentences of plain words, with signs in place of addresses, secret files and tools.

Pure. The rules of the linter look at this form alone, so that spelling, line breaks, markup, digits for letters and
look-alike letters change nothing. A sign is a word that cannot be written: `<url>`, `<mail>`, `<secret>`, `<variable>`, `<private>`, `<tag>`,
`<account>`, `<blob>`, `<quote>`, `<tool>`. Every word is cut to a bounded length, so that rules with bounded gaps are linear in the text.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from mediator.manifest.lint.folding import fold
from mediator.manifest.lint.hidden import hidden_at

WORD_MAX: Final = 60
_EXPANDED: Final = 3
"""A name of more words than this is a sentence, and is read as one."""

_END: Final = (
    r"(?<!e\.g)(?<!i\.e)[.!?;](?=[\s\"')\]*_]|$)|[。！？；।؟؛]|\n[ \t]*(?:\n|[-*+#][ \t]|\d{1,2}[.)][ \t])|[•¶]"
)
_URL: Final = r"(?:https?|ftp|wss?|file)://[^\s\"'<>`)]{1,2000}|!\[[^\]\n]{0,80}\]\([^)\s]{1,2000}\)"
_TAG: Final = (
    r"</?[a-z_|][a-z0-9_| -]{0,40}/?>|\[/?[a-z_]{3,14}\]|<!--|-->|#{2,4}\s{0,4}(?=(?:system|instruction|assistant)\b)"
)
_STOPS: Final = r"\s,;:!?\"'`’()<>\[\]{}|=“”‘«»「」。！？；，、：（）।؟؛•¶*"
_CHUNK: Final = rf"(?:[^{_STOPS}.]+|\.(?=[\w/\\~.]))+(?:['’](?:t|s|re|ll|ve|d|m)\b)?"
_QUOTE: Final = r"[\"'`’“”‘«»「」]"
_TOKEN: Final = re.compile(
    f"(?P<end>{_END})|(?P<url>{_URL})|(?P<tag>{_TAG})|(?P<chunk>{_CHUNK})|(?P<quote>{_QUOTE})|(?P<colon>[:：])",
    re.IGNORECASE,
)

_SECRET_PLACE: Final = re.compile(
    r"(?:^|[/\\~])\.(?:ssh|aws|gnupg|gpg|azure|kube|netrc|npmrc|pypirc|pgpass|my\.cnf|git-credentials|htpasswd|"
    r"bash_history|zsh_history|vault-token|password-store)(?:$|[/\\])|\.docker[/\\]config\.json|\.config[/\\]gcloud|"
    r"(?:^|[/\\])(?:\.env(?:\.(?!example|sample|template)[a-z]+)?|wallet\.dat|login\.keychain(?:-db)?|kubeconfig|"
    r"(?:claude_desktop_config|mcp(?:_config)?|credentials|secrets?|service-?account)\.(?:json|ya?ml|toml|txt)|"
    r"authorized_keys|cookies\.sqlite|logins\.json|key4\.db)$|^/etc/(?:passwd|shadow|sudoers)|/proc/self/environ|"
    r"(?:^|[/\\_-])id_(?:rsa|dsa|ecdsa|ed25519)|[\w*]\.(?:pem|p12|pfx|ppk|kdbx|keystore)$"
)
_PRIVATE_PLACE: Final = re.compile(r"^(?:~|\$home|%userprofile%|/home/[^/]{1,40}|/root|/users/[^/]{1,40}|/etc)[/\\]")
_SECRET_VARIABLE: Final = re.compile(
    r"\$?[A-Z0-9]+(?:_[A-Z0-9]+)*_(?:(?:API|ACCESS|SECRET|PRIVATE)_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:_ID)?"
)
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")
_HOST: Final = re.compile(
    r"(?:[a-z0-9-]{1,63}\.){1,8}(?:com|net|org|io|dev|example|test|invalid|app|xyz|ru|cn|tld|site|online|info|me|co)"
)
_MAIL: Final = re.compile(r"[^@/\s]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,5}")
_PHONE: Final = re.compile(r"\+\d{8,15}")
_ACCOUNT: Final = re.compile(
    r"bc1[a-z0-9]{20,60}|0x[0-9a-f]{40}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}|[A-Z]{2}\d{2}[A-Z0-9]{11,30}"
)
_SPLIT: Final = re.compile(r"[-/._\\~@#$%&+…—–]+")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
_LETTERS_APART: Final = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .*_-]{1,3}){5,60}[^\W\d_](?![^\W_])")
_MIXED: Final = re.compile(
    r"(?<![\w@$])(?=[\w@$]{0,24}[A-Za-z])(?=[\w@$]{0,24}[013457@$])[A-Za-z013457@$]{2,24}(?![\w@$])"
)
_LEET: Final = tuple(str.maketrans("013457@$", letters) for letters in ("oleastas", "oieastas"))
_NEGATIONS: Final = MappingProxyType(
    {
        "cannot": "can not",
        "can't": "can not",
        "won't": "will not",
        "shan't": "shall not",
        "dont": "do not",
        "read-only": "readonly",
        "write-only": "writeonly",
        "e.g": "",
        "i.e": "",
        "follow-up": "followup",
        "up-to-date": "current",
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence: its words between single spaces, with one before and one after; and where it stands."""

    words: str
    vocabulary: frozenset[str]
    start: int
    end: int


def read(text: str, foreign: frozenset[str] = frozenset()) -> Iterator[Sentence]:
    """Yield the sentences of a text; `foreign` names (in lower case) become the sign `<tool>`."""
    plain = text
    if not text.isascii() and (hidden := hidden_at(text)):
        # A hidden character becomes nothing and splits no word; one more space at the end keeps the places apart by few.
        plain = "".join(one for place, one in enumerate(text) if place not in hidden)
    words: list[str] = []
    start = 0
    for match in _TOKEN.finditer(plain):
        if match.lastgroup == "end":
            if words:
                yield _sentence(words, start, match.end())
            words, start = [], match.end()
        else:
            words.extend(_words_of(match, foreign))
    if words:
        yield _sentence(words, start, len(plain))


def words_of_name(name: str) -> list[str]:
    """Return the words that a name runs together: `readTheFile`, `read_the_file`, `read-the-file`."""
    return [fold(word) for word in _HUMPS.split(name) if word]


def disguised(text: str) -> Iterator[str]:
    """Yield the other readings of a text: letters that stand apart drawn together, digits read as letters."""
    joined = _LETTERS_APART.sub(lambda run: _drawn_together(run.group()), text)
    if joined != text:
        yield joined
    if _MIXED.search(text):
        for letters in _LEET:
            yield _MIXED.sub(lambda word, letters=letters: word.group().translate(letters), text)  # type: ignore[misc]


def _drawn_together(run: str) -> str:
    # `i g n o r e  a l l`, and `i-g-n-o-r-e a-l-l`.
    apart = r"[\W_]{2,}" if re.fullmatch(r"[^\W_](?: {1,3}[^\W_])+", run) else r"\s+|[\W_]{2,}"
    return " ".join(re.sub(r"[\W_]", "", word) for word in re.split(apart, run))


def _sentence(words: list[str], start: int, end: int) -> Sentence:
    return Sentence(words=f" {' '.join(words)} ", vocabulary=frozenset(words), start=start, end=end)


def _words_of(match: re.Match[str], foreign: frozenset[str]) -> list[str]:
    token = match.group()
    match match.lastgroup:
        case "url":
            return ["<url>"]
        case "tag":
            return ["<tag>"]
        case "quote":
            return ["<quote>"]
        case "colon":
            return [":"]
        case _:
            return _words_of_chunk(token, foreign)


def _words_of_chunk(chunk: str, foreign: frozenset[str]) -> list[str]:
    if chunk.isalpha() and chunk.isascii():
        return [_NEGATIONS.get(low := chunk.lower(), low)[:WORD_MAX]]
    chunk = chunk.rstrip(".…")
    folded = fold(chunk)
    if folded in foreign:
        return ["<tool>"]
    if (sign := _sign(chunk, folded)) is not None:
        return [sign]
    if "'" in folded or "’" in folded:
        return _uncontracted(folded.replace("’", "'"))
    if folded in _NEGATIONS:
        return _NEGATIONS[folded].split()
    folded = folded.strip("_")
    if "_" in folded and folded.count("_") < _EXPANDED and folded.replace("_", "").isalnum():
        return [folded[:WORD_MAX]]
    return [word[:WORD_MAX] for word in _SPLIT.split(folded) if word]


def _sign(chunk: str, folded: str) -> str | None:
    if _SECRET_PLACE.search(folded):
        return "<secret>"
    if _SECRET_VARIABLE.fullmatch(chunk):
        return "<variable>"
    if _PRIVATE_PLACE.search(folded):
        return "<private>"
    if "@" in folded and _MAIL.fullmatch(folded):
        return "<mail>"
    if _ADDRESS.match(folded) or _HOST.fullmatch(folded) or _PHONE.fullmatch(folded):
        return "<url>"
    if _ACCOUNT.fullmatch(chunk):
        return "<account>"
    return "<blob>" if len(chunk) > WORD_MAX and chunk.isascii() else None


def _uncontracted(word: str) -> list[str]:
    if word in _NEGATIONS:
        return _NEGATIONS[word].split()
    stem, _, rest = word.partition("'")
    if rest == "t" and stem.endswith("n"):
        return [stem[:-1], "not"]
    return {"re": [stem, "are"], "ll": [stem, "will"], "ve": [stem, "have"]}.get(rest, [stem])
