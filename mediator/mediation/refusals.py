"""The table of refusals: for each reason, how it reaches the agent, and the fixed sentence that it reads.

Pure. A row says where the refusal is carried: in the HTTP status of an authentication failure, in a JSON-RPC
error, or in a tool result that the model itself can read. Sentences never hold a name or a value that came from
somebody else; what may be added is in `Refused.sentence`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND

# Our own codes stand outside -32768..-32000, which JSON-RPC 2.0 §5.1 and MCP reserve.
UNAUTHENTICATED: Final = -31401
FORBIDDEN: Final = -31403
UNAVAILABLE: Final = -31503


@unique
class Carrier(Enum):
    """Where a refusal is carried."""

    CREDENTIAL = "401 with WWW-Authenticate; over stdio a JSON-RPC error"
    SCOPE = "403 with WWW-Authenticate; over stdio a JSON-RPC error"
    PROTOCOL = "a JSON-RPC error with the protocol's own code"
    RESULT = "a tool result with isError for a call, a JSON-RPC error otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How one reason is told: carrier, JSON-RPC code, HTTP status in the modern era, sentence, remedy."""

    carrier: Carrier
    code: int
    status: int
    sentence: str
    remedy: str | None = None


def _credential(sentence: str, remedy: str = "get a token for a task: `mediator task open`") -> Telling:
    return Telling(carrier=Carrier.CREDENTIAL, code=UNAUTHENTICATED, status=401, sentence=sentence, remedy=remedy)


def _protocol(code: int, status: int, sentence: str) -> Telling:
    return Telling(carrier=Carrier.PROTOCOL, code=code, status=status, sentence=sentence)


def _result(sentence: str, remedy: str | None = None, *, code: int = FORBIDDEN, status: int = 403) -> Telling:
    return Telling(carrier=Carrier.RESULT, code=code, status=status, sentence=sentence, remedy=remedy)


_NEW_TASK: Final = "ask the task's owner to open a new task"
_LATER: Final = "try again later"
_PROVE: Final = "send the token under the scheme DPoP, with a proof for this very request (RFC 9449, section 7)"
_BIND: Final = "ask the token endpoint for a token with a DPoP proof, and send a proof with each call"
_UNAVAILABLE: Final = (UNAVAILABLE, 503)

TELLINGS: Final[dict[Reason, Telling]] = {
    Reason.NO_CREDENTIAL: _credential("a credential is needed"),
    Reason.BAD_CREDENTIAL: _credential("the credential does not hold"),
    Reason.EXPIRED_CREDENTIAL: _credential("the credential has expired"),
    Reason.WRONG_AUDIENCE: _credential("the credential was made for another audience"),
    Reason.UNKNOWN_ISSUER: _credential("the credential's issuer is not trusted here"),
    Reason.UNKNOWN_KEY: _credential("the credential was signed with a key that is not known here"),
    Reason.PROOF_INVALID: _credential("the proof of possession does not hold", _PROVE),
    Reason.PROOF_REPLAYED: _credential("the proof of possession was used before", "sign another for each request"),
    Reason.INSUFFICIENT_SCOPE: Telling(
        carrier=Carrier.SCOPE,
        code=FORBIDDEN,
        status=403,
        sentence="the credential's scope does not reach this far",
    ),
    Reason.GRANT_UNKNOWN: _result("the task of this credential does not exist", _NEW_TASK),
    Reason.GRANT_EXPIRED: _result("the task has expired", _NEW_TASK),
    Reason.GRANT_REVOKED: _result("the task was revoked", _NEW_TASK),
    Reason.TASK_COMPLETED: _result("the task is completed", _NEW_TASK),
    Reason.CHAIN_INVALID: _result("the delegation of this credential does not hold", _NEW_TASK),
    Reason.MALFORMED: _protocol(INVALID_REQUEST, 400, "the message is malformed"),
    Reason.METHOD_NOT_ALLOWED: _protocol(METHOD_NOT_FOUND, 404, "the method is not served"),
    Reason.HEADER_MISMATCH: _protocol(-32020, 400, "a header and the body say different things"),
    Reason.BODY_TOO_LARGE: _protocol(INVALID_REQUEST, 413, "the body is too large"),
    Reason.UNKNOWN_TOOL: _protocol(INVALID_PARAMS, 400, "Unknown tool"),
    Reason.UNKNOWN_PROMPT: _protocol(INVALID_PARAMS, 400, "Unknown prompt"),
    Reason.UNKNOWN_RESOURCE: _protocol(INVALID_PARAMS, 400, "Resource not found"),
    Reason.ARGUMENTS_INVALID: _result("the arguments do not fit the tool", code=INVALID_PARAMS, status=400),
    Reason.NOT_COVERED: _result("the task does not cover this call", "ask the task's owner for a task that covers it"),
    Reason.DENIED_BY_POLICY: _result("a policy denies this call"),
    Reason.PROOF_REQUIRED: _result("this call needs a credential that is bound to a key of yours", _BIND),
    Reason.POLICY_ERROR: _result("the policies could not be evaluated for this call", "tell the operator"),
    Reason.APPROVAL_REQUIRED: _result("a person must approve this call", "ask the operator for an approval"),
    Reason.JUSTIFICATION_REQUIRED: _result("this call needs a justification"),
    Reason.BUDGET_SPENT: _result("the task has used up its calls", _NEW_TASK),
    Reason.RATE_LIMITED: _result("too many calls in too short a time", _LATER),
    Reason.LOOP_DETECTED: _result("the same call was made again and again", "change the arguments, or stop"),
    Reason.FROZEN: _result("an operator has stopped this", "ask the operator"),
    Reason.LEDGER_UNAVAILABLE: _result("decisions cannot be recorded right now", _LATER, code=UNAVAILABLE, status=503),
    Reason.STORE_UNAVAILABLE: _result("grants cannot be read right now", _LATER, code=UNAVAILABLE, status=503),
    Reason.SNAPSHOT_TOO_OLD: _result("what is trusted could not be refreshed", _LATER, code=UNAVAILABLE, status=503),
    Reason.TRY_AGAIN: _result("what is trusted changed during the call; nothing was done", "try again"),
    Reason.OVERLOADED: _result("too much at once", _LATER, code=UNAVAILABLE, status=503),
    Reason.TOOL_SERVER_UNAVAILABLE: _result("the tool server cannot be reached", _LATER, code=UNAVAILABLE, status=503),
    Reason.TOOL_SERVER_INVALID: _result("the tool server's answer was not valid and was withheld", "tell the operator"),
    Reason.DEADLINE_PASSED: _result(
        "the tool server did not answer in time; whether it acted is not known", "check before trying again"
    ),
    Reason.RESULT_TOO_LARGE: _result("the tool server's answer was too large and was withheld", "ask for less"),
    Reason.RESULT_WITHHELD: _result("the tool server's answer was withheld", "tell the operator"),
    Reason.INTERNAL: _result("the mediator failed", "tell the operator", code=INTERNAL_ERROR, status=200),
}

_BEGUN_TRUE: Final = frozenset(
    {
        Reason.TOOL_SERVER_INVALID,
        Reason.DEADLINE_PASSED,
        Reason.RESULT_TOO_LARGE,
        Reason.RESULT_WITHHELD,
        Reason.INTERNAL,
    }
)
"""What stays true when the tool server has been called."""

_BEGUN_FALSE: Final = frozenset({Reason.UNKNOWN_TOOL, Reason.UNKNOWN_PROMPT, Reason.UNKNOWN_RESOURCE, Reason.TRY_AGAIN})
"""What would be untrue then: that there is no such item, that nothing was done."""


def once_begun(stop: Refused) -> Refused:
    """Return the stop as it must be told once the first byte has gone out: nobody may simply try again then.

    It is carried in a result, for every status was chosen before; and whose trust has moved does not get the answer.
    """
    if stop.reason in _BEGUN_TRUE:
        return stop
    return Refused(
        Reason.RESULT_WITHHELD if stop.reason in _BEGUN_FALSE else stop.reason,
        f"after the call had begun: {stop}",
        sentence="the call had begun before that, and what it did stands",
        remedy="check what it did before trying again",
    )
