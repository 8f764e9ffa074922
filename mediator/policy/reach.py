"""The reach of a call: where its data goes and what it touches, as sets that policies ask about.

Pure. A set can be asked two things, and each is sound for one kind of policy. An allow-list asks whether *all* that the
call names is on it (`containsAll`), of what is named exactly: `destination`, `targets.paths`. A deny-list asks whether
*any* of it lies in what is forbidden (`contains`), of everything that it lies in: `targets.domains`, `targets.folders`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mediator.policy.request import BaseFacts

_PORT: Final = re.compile(r":[0-9]+\Z")


def destination_of(base: BaseFacts) -> frozenset[str]:
    """Return where data goes: what the item is declared to send to, and what this call's own targets name."""
    return base.destination | base.targets.hosts


def domains_of(hosts: Iterable[str]) -> frozenset[str]:
    """Return the hosts without their ports, and every domain that each lies in."""
    found: set[str] = set()
    for host in hosts:
        name = _PORT.sub("", host)
        found.add(name)
        while "." in name:
            name = name.partition(".")[2]
            found.add(name)
    return frozenset(found)


def folders_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the paths, and every folder that each lies in but the root of all; of a URL, its host is one."""
    found: set[str] = set()
    for path in paths:
        inner = path.removesuffix("/")
        while inner:
            found.add(inner)
            inner = inner.rpartition("/")[0]
    return frozenset(found)
