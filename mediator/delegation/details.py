"""What is asked for in `authorization_details` (RFC 9396) of type `mcp_tool_grant`: read strictly, or refused.

Pure. It is a list of objects. Each gives lines of authority; what holds for the grant as a whole stands in one of them:

    [{"type": "mcp_tool_grant", "tools": ["files/read_*"], "effects": ["read"],
      "arguments": {"/path": {"path_below": "/data"}}, "because": "the reports are to be summarised",
      "purpose": "summarise the reports", "expires_in": 300, "max_calls": 20, "max_depth": 1,
      "locations": ["https://mediator.example/servers/files/mcp"], "may_act": ["gateway"]}]

Or it names a grant that the client holds, for a fresh token of it: `[{"type": "mcp_tool_grant", "grant": "..."}]`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mediator.because import Author, Because
from mediator.canonical import Json, JsonLimits, JsonObject, parse_json, pointer_to
from mediator.delegation.authority import Entry, parse_because, parse_pattern, parse_pointer
from mediator.delegation.constraint import Constraint, count_of
from mediator.delegation.constraint_form import parse_constraint
from mediator.effect import Effect
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused

TYPE: Final = "mcp_tool_grant"
PURPOSE_MAX: Final = 2_000
ENTRIES_MAX: Final = 64
CONSTRAINTS_MAX: Final = 64  # over all entries; each of a link's is compared with each of the one before
CALLS_MAX: Final = 1_000_000
DEPTH_MAX: Final = 8  # draft-niyikiza-oauth-attenuating-agent-tokens, I2: at least so many
SECONDS_MAX: Final = 480 * 60
_LIMITS: Final = JsonLimits(bytes_max=16 * 1024, depth_max=16)
_OBJECTS_MAX: Final = 16
_NAMES_MAX: Final = 32
_TEXT_MAX: Final = 256
_AGENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # as a profile is named
_OF_ENTRIES: Final = frozenset({"type", "tools", "effects", "arguments", "because"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDetails:
    """What a client asks for. None: it says nothing of it, and gets no more than the one before has."""

    entries: tuple[Entry, ...]
    purpose: str | None = None
    expires_in: int | None = None
    max_calls: int | None = None
    max_depth: int | None = None
    locations: tuple[str, ...] | None = None
    may_act: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant that the client holds: a fresh token is asked for."""

    grant: str


def parse_details(text: str) -> GrantDetails | HeldGrant:
    """Return what is asked for.

    Raises `TokenRefused(invalid_authorization_details)` naming the place: another type, an unknown member, a wrong one.
    """
    try:
        objects = parse_json(text.encode("utf-8", "surrogatepass"), _LIMITS)
    except Refused as error:
        raise refused_details("", f"JSON ({error.detail})") from error
    if not isinstance(objects, list) or not 0 < len(objects) <= _OBJECTS_MAX:
        raise refused_details("", f"a list of 1 to {_OBJECTS_MAX} objects")
    for index, one in enumerate(objects):
        if not isinstance(one, dict) or one.get("type") != TYPE:
            raise refused_details(f"/{index}/type", f"`{TYPE}`")
    match objects:
        case [{"grant": str(grant), **rest}] if rest == {"type": TYPE} and 0 < len(grant) <= _TEXT_MAX:
            return HeldGrant(grant)
        case _:
            return _read(objects)


def read_entries(form: JsonObject, where: str) -> Iterator[Entry]:
    """Return the lines of authority of one object: each of its patterns, to its effects, under its constraints.

    Raises `Refused(MALFORMED)` naming the place.
    """
    effects = frozenset(
        _effect(effect, f"{where}/effects") for effect in _list(form.get("effects"), f"{where}/effects", len(Effect))
    )
    constraints = parse_arguments(form.get("arguments", {}), f"{where}/arguments")
    because: Because | None = None
    if "because" in form:  # whoever asks here is an agent
        because = Because(text=parse_because(form["because"], f"authorization_details{where}/because"), by=Author.AGENT)
    for index, tool in enumerate(_list(form.get("tools"), f"{where}/tools", ENTRIES_MAX)):
        if not isinstance(tool, str):
            raise _expected(f"{where}/tools/{index}", "a tool pattern")
        yield Entry(pattern=parse_pattern(tool), effects=effects, arguments=constraints, because=because)


def parse_arguments(form: Json, where: str) -> dict[str, Constraint]:
    """Return constraints by pointer; raises `Refused(MALFORMED)` naming the place."""
    if not isinstance(form, dict) or len(form) > _NAMES_MAX:
        raise _expected(where, f"an object of at most {_NAMES_MAX} constraints by JSON pointer")
    return {
        parse_pointer(pointer, where): parse_constraint(constraint, where + pointer_to(pointer))
        for pointer, constraint in form.items()
    }


def require_few_constraints(entries: Iterable[Entry], where: str) -> None:
    """Return if the entries' constraints can be compared in no time; raises `Refused(MALFORMED)` naming the place."""
    if sum(count_of(constraint) for entry in entries for constraint in entry.arguments.values()) > CONSTRAINTS_MAX:
        raise _expected(where, f"at most {CONSTRAINTS_MAX} constraints in all, counted for each tool pattern")


def parse_names(form: Json, where: str, at_least: int = 0) -> tuple[str, ...]:
    """Return names, each once, in order; raises `Refused(MALFORMED)` naming the place."""
    listed = _list(form, where, _NAMES_MAX, at_least)
    names = {name for name in listed if isinstance(name, str) and 0 < len(name) <= _TEXT_MAX}
    if len(names) != len(listed):
        raise _expected(where, f"names of at most {_TEXT_MAX} characters, each once")
    return tuple(sorted(names))


def parse_agents(form: Json, where: str) -> tuple[str, ...]:
    """Return names of agents, each once, in order; raises `Refused(MALFORMED)` naming the place.

    They stand in entries, which nobody erases, and on people's screens: no text hides among them.
    """
    names = parse_names(form, where)
    if not all(_AGENT.fullmatch(name) for name in names):
        raise _expected(where, "names of agents: 1 to 64 letters, digits, `.`, `_`, `-`, a letter or digit first")
    return names


def refused_details(where: str, expected: str) -> TokenRefused:
    """Return the refusal of details that do not fit; `where` is a JSON pointer into them."""
    sentence = f"authorization_details{where}: expected {expected}"
    return TokenRefused(OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.MALFORMED, sentence, sentence=sentence)


def _read(objects: list[Json]) -> GrantDetails:
    entries: list[Entry] = []
    whole: dict[str, tuple[str, Json]] = {}
    try:
        for index, one in enumerate(objects):
            assert isinstance(one, dict)  # `parse_details`
            entries += read_entries(one, f"/{index}")
            for name in sorted(one.keys() - _OF_ENTRIES):
                if name in whole or name not in _OF_THE_WHOLE:
                    raise _expected(f"/{index}/{name}", "no such member here, or in one object alone")
                whole[name] = (f"/{index}/{name}", one[name])
        if len(entries) > ENTRIES_MAX:
            raise _expected("", f"at most {ENTRIES_MAX} tool patterns in all")
        require_few_constraints(entries, "")
        read = {name: _OF_THE_WHOLE[name](form, where) for name, (where, form) in whole.items()}
    except Refused as error:
        raise TokenRefused(
            OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.MALFORMED, error.detail, sentence=error.detail
        ) from error
    return GrantDetails(entries=tuple(entries), **read)


def _counted(most: int, least: int = 1) -> Callable[[Json, str], int]:
    def read(form: Json, where: str) -> int:
        if not isinstance(form, int) or isinstance(form, bool) or not least <= form <= most:
            raise _expected(where, f"a whole number from {least} to {most}")
        return form

    return read


def _purpose(form: Json, where: str) -> str:
    if not isinstance(form, str) or not 0 < len(form.strip()) <= PURPOSE_MAX:
        raise _expected(where, f"what it is for, in at most {PURPOSE_MAX} characters")
    return form


_OF_THE_WHOLE: Final[dict[str, Callable[[Json, str], Any]]] = {
    "purpose": _purpose,
    "expires_in": _counted(SECONDS_MAX),
    "max_calls": _counted(CALLS_MAX),
    "max_depth": _counted(DEPTH_MAX, least=0),
    "locations": partial(parse_names, at_least=1),  # nowhere is not everywhere
    "may_act": parse_agents,
}


def _effect(form: Json, where: str) -> Effect:
    if form not in tuple(Effect):
        raise _expected(where, f"of {', '.join(Effect)}")
    return Effect(str(form))


def _list(form: Json, where: str, most: int, at_least: int = 1) -> list[Json]:
    if not isinstance(form, list) or not at_least <= len(form) <= most:
        raise _expected(where, f"a list of {at_least} to {most}")
    return form


def _expected(where: str, expected: str) -> Refused:
    return Refused(Reason.MALFORMED, f"authorization_details{where}: expected {expected}")
