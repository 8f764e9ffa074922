"""What an agent answers in a call, held against what it was asked: the rest answers what nobody asked, and is to be judged.

Pure. MCP 2026-07-28 (`basic/patterns/mrtr`) lets a client answer beforehand, and has a server ignore what it does not know.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mediator.canonical import JsonObject, pointer_to
from mediator.inspection.asking import asked_by, is_answer
from mediator.policy.request import AskFacts
from mediator.refusal import Reason, Refused
from mediator.wire.call_params import ANSWERS
from mediator.wire.jsonrpc import INVALID_PARAMS
from mediator.wire.methods import AskMethod

_WHERE_MAX: Final = 200  # characters: a server chose the key
_FORM: Final = AskFacts(mode="form")
_URL: Final = AskFacts(mode="url")


class Unasked(NamedTuple):
    """What would have to be permitted, in one of these ways, for a server to be answered so."""

    method: AskMethod
    ways: tuple[AskFacts, ...]


def find_unasked(answers: JsonObject, asked: Mapping[str, AskMethod]) -> list[Unasked]:
    """Return what would have to be permitted beside what was asked, in one order whatever the agent's.

    Raises `Refused`: `ARGUMENTS_INVALID` where what was asked is answered in another form, `MALFORMED` (-32602) where MCP
    knows no question of such an answer.
    """
    found: set[Unasked] = set()
    for key in sorted(answers):
        answer, method = answers[key], asked.get(key)
        if method is not None:
            if not isinstance(answer, dict) or not is_answer(method, answer):
                where = f"{pointer_to(ANSWERS, key)[:_WHERE_MAX]}: expected an answer to `{method}`"
                raise Refused(Reason.ARGUMENTS_INVALID, where, sentence=where)
            continue
        methods = asked_by(answer)
        if not methods:
            sentence = f"an answer in `{ANSWERS}` that was not asked for, and has no form that MCP knows: leave it out"
            raise Refused(Reason.MALFORMED, sentence, sentence=sentence, code=INVALID_PARAMS)
        assert isinstance(answer, dict)  # or it would answer nothing
        ways = (_FORM,) if "content" in answer else (_FORM, _URL)  # what is answered to a URL has none
        found.update(Unasked(each, ways if each is AskMethod.ELICIT else (_FORM,)) for each in methods)
    return sorted(found, key=lambda one: (one.method, len(one.ways)))
