"""Normal forms: a value under a constraint has one spelling, so that what is compared is what the tool server reads.

Pure. Nothing is normalised for the decision and forwarded otherwise: what is not in its normal form already is refused
(design, part 4). A symbolic link is the server's own affair: no text shows it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from typing import Final

from mediator.uri import authority_of, is_normal, why_not_normal

_PATH: Final = re.compile(r"/|(?:/[^/\x00-\x1f\x7f\\]+)+")
_ENCODED: Final = re.compile(r"%(?:25)*(?:2[eEfF]|5[cC]|00)")  # `%252e` too: who undoes it twice reads a dot
_SEPARATORS: Final = re.compile(r"[/\\]")
_DOTS: Final = frozenset({".", ".."})
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_URL_LENGTH_MAX: Final = 8192  # what web servers take
_PATH_LENGTH_MAX: Final = 4096  # PATH_MAX of Linux
_LOCAL_PART: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)  # RFC 5322 §3.2.3
_LOCAL_PART_LENGTH_MAX: Final = 64  # RFC 5321 §4.5.3.1
_DOMAIN_LENGTH_MAX: Final = 255
_TEXT_LENGTH_MAX: Final = 8192  # ours, as of a URL: it is read once for each constraint on it


def is_normal_path(text: str) -> bool:
    r"""Tell whether this is an absolute path without `.`, `..`, `//`, a closing `/`, `\` or encoded separators."""
    if len(text) > _PATH_LENGTH_MAX:
        return False
    return bool(_PATH.fullmatch(text)) and not _ENCODED.search(text) and _DOTS.isdisjoint(text.split("/"))


def host_of(text: str) -> str | None:
    """Return the host of a URL in its normal form, with its port where that is not the scheme's own; else None."""
    return authority_of(text) if is_normal(text, _URL_LENGTH_MAX) else None


def why_no_url(text: str) -> str | None:
    """Say what is wrong with a URL, or None where it is in its normal form."""
    return why_not_normal(text, _URL_LENGTH_MAX)


def domain_of_address(text: str) -> str | None:
    """Return the domain of an address in its normal form, `local@domain` and nothing else; else None."""
    local, _, domain = text.rpartition("@")
    if len(local) > _LOCAL_PART_LENGTH_MAX or len(domain) > _DOMAIN_LENGTH_MAX or not _LOCAL_PART.fullmatch(local):
        return None
    return domain if is_host(domain) and not set(domain) & set(":[") else None


def is_host(text: str) -> bool:
    """Tell whether this is a host, with its port or without, as `host_of` returns one."""
    return host_of(f"https://{text}/") == text or host_of(f"http://{text}/") == text


def looks_like_url(text: str) -> bool:
    """Tell whether a reader may take this for a URL: it begins with a scheme, or with `//`."""
    return _SCHEME.match(text) is not None or text.startswith("//")


def is_plain(text: str) -> bool:
    """Tell whether this text has one reading for whoever takes it for a URL, a path or neither.

    A URL must be in its normal form, an absolute path too (it may close with `/`); in any other text nothing climbs.
    """
    if len(text) > _TEXT_LENGTH_MAX:
        return False
    if looks_like_url(text):
        return is_normal(text, _URL_LENGTH_MAX)
    if text.startswith("/"):
        return is_normal_path(text.removesuffix("/") or "/")
    return "\x00" not in text and not _ENCODED.search(text) and _DOTS.isdisjoint(_SEPARATORS.split(text))
