"""A statement of one person, made now with their key and put to the owner of a folder.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from mediator.assembly.folder import read_operators
from mediator.canonical import Json, JsonObject
from mediator.cli.asking import ask_owner
from mediator.cli.folder import SetUp, now_ms
from mediator.cli.keys import operator_key
from mediator.identity.statement import Act, sign_statement

WhoOption: TypeAlias = Annotated[str, typer.Option("--who", metavar="WHO", help="The person whose key signs.")]
ReasonOption: TypeAlias = Annotated[str, typer.Option("--reason", help="Why, in a sentence: it stands in the ledger.")]


def signed_by(set_up: SetUp, who: str, act: Act, subject: JsonObject) -> bytes:
    """Return the statement; asks for the key's passphrase where it has one."""
    key = operator_key(set_up.folder, read_operators(set_up.folder), who, act)
    at = now_ms()
    return sign_statement(key, act=act, subject=subject, who=who, at=at, serial=at)


def put_statement(set_up: SetUp, op: str, statement: bytes, **more: Json) -> JsonObject:
    """Put it to the mediator that runs on this folder, or be it for a moment; raises the `Refused` that it answers with.

    `more` is what stands beside a statement, and gives nothing by itself.
    """
    return ask_owner(set_up, {"op": op, "statement": statement.decode(), **more})
