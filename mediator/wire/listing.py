"""All that a server offers, read list by list and page by page, within limits.

Pure, sans-io: it says what to ask for next and takes the answer; who carries them is an adapter's business. Rules:

- Tools are always asked for, prompts and resources where the server's capabilities name them. What it does not offer
  there is no item: a pinned one is then missing, and missing is drift.
- A server that does not know a method (-32601) has an empty list there, but for the tools that its capabilities name.
- Each list ends within its number of pages, entries and bytes, and no cursor comes twice.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.wire.hearing import Answer, HearingLimits, Introduction, lifetime_of, nonsense, result_of
from mediator.wire.jsonrpc import METHOD_NOT_FOUND
from mediator.wire.methods import ListMethod

_MEMBERS: Final = MappingProxyType(
    {
        ListMethod.TOOLS: "tools",
        ListMethod.PROMPTS: "prompts",
        ListMethod.RESOURCES: "resources",
        ListMethod.RESOURCE_TEMPLATES: "resourceTemplates",
    }
)
_CAPABILITIES: Final = MappingProxyType(
    {
        ListMethod.TOOLS: "tools",
        ListMethod.PROMPTS: "prompts",
        ListMethod.RESOURCES: "resources",
        ListMethod.RESOURCE_TEMPLATES: "resources",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One page to ask for."""

    method: ListMethod
    cursor: str | None = None


class OfferReading:
    """Asks for every list of a server that has introduced itself: `question` is what to ask next, until there is none."""

    def __init__(self, introduction: Introduction, limits: HearingLimits) -> None:
        self._introduction, self._limits = introduction, limits
        self._waiting = [
            method
            for method in ListMethod
            if method is ListMethod.TOOLS or _CAPABILITIES[method] in introduction.capabilities
        ]
        self._found: dict[ListMethod, tuple[JsonObject, ...]] = {}
        self._lifetimes = [introduction.ttl_ms]
        self._listing = _Listing(method=self._waiting.pop(0), limits=limits)

    @property
    def question(self) -> Question | None:
        """What to ask for next."""
        return None if self._listing.is_complete else Question(method=self._listing.method, cursor=self._listing.cursor)

    def take(self, answer: Answer) -> None:
        """Read the page that was asked for; raises `Refused(TOOL_SERVER_INVALID)` for one that is none, or too much."""
        listing = self._listing
        if not listing.pages and answer.error_code == METHOD_NOT_FOUND and self._may_be_unknown(listing.method):
            listing.is_complete = True
        else:
            self._lifetimes.append(listing.take(answer))
        if listing.is_complete:
            self._found[listing.method] = tuple(listing.entries)
            if self._waiting:
                self._listing = _Listing(method=self._waiting.pop(0), limits=self._limits)

    def whole(self) -> Introduction:
        """Return the introduction with all that was read."""
        return replace(
            self._introduction,
            tools=self._found.get(ListMethod.TOOLS, ()),
            prompts=self._found.get(ListMethod.PROMPTS, ()),
            resources=self._found.get(ListMethod.RESOURCES, ()),
            resource_templates=self._found.get(ListMethod.RESOURCE_TEMPLATES, ()),
            ttl_ms=min((ttl_ms for ttl_ms in self._lifetimes if ttl_ms is not None), default=None),
        )

    def _may_be_unknown(self, method: ListMethod) -> bool:
        return method is not ListMethod.TOOLS or "tools" not in self._introduction.capabilities


@dataclass(slots=True, kw_only=True)
class _Listing:
    """All pages of one list: `cursor` is what to ask for next, until `is_complete`."""

    method: ListMethod
    limits: HearingLimits
    cursor: str | None = None
    is_complete: bool = False
    entries: list[JsonObject] = field(default_factory=list)
    pages: int = 0
    size_bytes: int = 0
    _cursors: set[str] = field(default_factory=set)

    def take(self, answer: Answer) -> int | None:
        """Read one page; return for how long it says that it holds."""
        result, member = result_of(answer, self.method), _MEMBERS[self.method]
        entries, cursor = result.get(member), result.get("nextCursor")
        if not isinstance(entries, list):
            raise nonsense(f"a page of `{self.method}` without a list `{member}`")
        self.pages += 1
        self.size_bytes += answer.size_bytes
        for entry in entries:
            if not isinstance(entry, dict):
                raise nonsense(f"an entry of `{member}` that is no object")
            self.entries.append(entry)
        if len(self.entries) > self.limits.items_max:
            raise nonsense(f"more than {self.limits.items_max} entries in `{member}`")
        if self.size_bytes > self.limits.offer_bytes_max:
            raise nonsense(f"a list of more than {self.limits.offer_bytes_max} bytes")
        self._turn_to(cursor)
        return lifetime_of(result)

    def _turn_to(self, cursor: Json) -> None:
        if cursor is None:
            self.is_complete = True
            return
        if not isinstance(cursor, str):
            raise nonsense("a cursor that is no string")
        if cursor in self._cursors:
            raise nonsense("the same cursor twice: the list never ends")
        if self.pages >= self.limits.pages_max:
            raise nonsense(f"a list of more than {self.limits.pages_max} pages")
        self._cursors.add(cursor)
        self.cursor = cursor
