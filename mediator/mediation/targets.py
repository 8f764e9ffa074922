"""Targets: where a call goes and what it touches, read from its own arguments at the places that its manifest declares.

Pure. A target has one spelling, or the call is refused: what is judged is what is forwarded, and nothing is normalised
in between (design, part 4). By its declared kind that is

- a path     absolute, without `.`, `..`, `//`, a closing `/` or encoded separators
- a url      as our parser writes it back: host in lower case, no user, no default port, a path of at least `/`
- an address `local@domain` and nothing else: no display name, no list
- a destination  any of these by how it begins, a host, or a plain name such as a channel's

An account and an amount have no spelling of their own: policies read them from the arguments. One that names a list means
each of its items. Whatever is neither text nor a list of texts cannot be read here, and is told as `unread`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.delegation.normal_form import domain_of_address, is_host, is_normal_path, looks_like_url, why_no_url
from mediator.manifest.entry import Target
from mediator.manifest.pinned import PinnedItem, PinnedTool
from mediator.policy.request import NO_TARGETS, TargetFacts
from mediator.refusal import Reason, Refused
from mediator.uri import host_and_path

PARTS_MAX: Final = 2_000  # as many as policy is shown of a call's arguments (`policy/arguments.py`)
_NAME_MAX: Final = 256  # ours: of a plain name
# What a tool may take for a host: a name with a dot or a port, an address by any spelling (WHATWG URL, hosts). A dot is
# U+3002 too (UTS #46, which the compatibility form leaves as it is).
_LIKE_A_HOST: Final = re.compile(r"\S*[.:\[\u3002]\S*|[0-9]+|0x[0-9a-f]*|localhost", re.IGNORECASE)


@dataclass(slots=True)
class _Reading:
    """What was found so far. Lives for one reading only."""

    hosts: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    parts: int = 0

    def go_to(self, host: str) -> None:
        self.hosts.add(host)
        self._count(host.count(".") + 1)

    def touch(self, path: str) -> None:
        self.paths.add(path)
        self._count(path.count("/") + 1)

    def _count(self, parts: int) -> None:
        self.parts += parts
        if self.parts > PARTS_MAX:
            raise Refused(
                Reason.ARGUMENTS_INVALID,
                f"the targets have more than {PARTS_MAX} parts",
                sentence="these arguments name more targets than policy looks at",
                remedy="send fewer at a time",
            )


def read_targets(item: PinnedItem, arguments: JsonObject) -> TargetFacts:
    """Return what the declared targets name; raises `Refused(ARGUMENTS_INVALID)` for one that is not in its one form."""
    if not isinstance(item, PinnedTool) or not item.targets:
        return NO_TARGETS
    reading = _Reading()
    for pointer, kind in item.targets.items():
        if kind not in _READERS:
            continue
        read, form = _READERS[kind]
        for text in _texts_at(arguments, pointer):
            if text is None:
                reading.unread.add(pointer)
            elif not read(reading, text):
                raise _not_normal(pointer, kind, form)
    return TargetFacts(hosts=frozenset(reading.hosts), paths=frozenset(reading.paths), unread=frozenset(reading.unread))


def _read_path(reading: _Reading, text: str) -> bool:
    if not is_normal_path(text):
        return False
    reading.touch(text)
    return True


def _read_url(reading: _Reading, text: str) -> bool:
    if why_no_url(text) is not None:
        return False
    host, path = host_and_path(text)
    # One without a host still goes somewhere: `mailto:` and `file:` stand for it, so that no list of hosts lets it by.
    reading.go_to(host or text.partition(":")[0] + ":")
    reading.touch(host + path)
    return True


def _read_address(reading: _Reading, text: str) -> bool:
    domain = domain_of_address(text)
    if domain is None:
        return False
    reading.go_to(domain)
    return True


def _read_destination(reading: _Reading, text: str) -> bool:
    if looks_like_url(text) and not is_host(text):  # `example.com:8080` begins as a URL with a scheme does
        return _read_url(reading, text)
    if text.startswith("/"):
        return _read_path(reading, text)
    if "@" in text[1:]:  # `@name` is a plain name
        return _read_address(reading, text)
    is_plain = 0 < len(text) <= _NAME_MAX and text.isprintable() and text == unicodedata.normalize("NFKC", text).strip()
    if not is_plain or (_LIKE_A_HOST.fullmatch(text) and not is_host(text)):
        return False
    reading.go_to(text)
    return True


_READERS: Final[Mapping[Target, tuple[Callable[[_Reading, str], bool], str]]] = MappingProxyType(
    {
        Target.PATH: (
            _read_path,
            "an absolute path without `.`, `..`, `//`, a closing `/`, a backslash or encoded separators",
        ),
        Target.URL: (
            _read_url,
            "the URL in its one form: scheme and host in lower case, no user or default port, a path of at least `/`",
        ),
        Target.ADDRESS: (
            _read_address,
            "one address as `local@domain`, the domain in lower case, without a display name",
        ),
        Target.DESTINATION: (
            _read_destination,
            "a URL, a path, an address or a host in its one form, or a plain name",
        ),
    }
)
"""How each kind is read, and what its one form is. An account and an amount have none."""


def _texts_at(arguments: JsonObject, pointer: str) -> Iterator[str | None]:
    """Yield the texts at this place: none where nothing is, None for each value that is no text."""
    value: Json = arguments
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return
    for one in value if isinstance(value, list) else [value]:
        if one is not None:
            yield one if isinstance(one, str) else None


def _not_normal(pointer: str, kind: Target, form: str) -> Refused:
    return Refused(
        Reason.ARGUMENTS_INVALID,
        f"the {kind} at `{pointer}` is not in its one form",  # the value is the agent's: it stands in no entry
        sentence=f"the {kind} at `{pointer}` can be read in more than one way",
        remedy=f"send {form}",
    )
