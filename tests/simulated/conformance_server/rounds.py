"""Tools of several rounds (SEP-2322): what is asked for, what is still missing, and the state that comes back.

The state is plain here: the server's boundary seals it on the way out, and refuses what it did not seal.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, InputRequest, InputRequiredResult

from tests.simulated.conformance_server.asking import ask, capability, elicitation, field, roots, said, sampling
from tests.simulated.conformance_server.fixture import ToolCalled, text_result, tool

_NAME: Final[dict[str, Any]] = {"name": {"type": "string"}}
_OK: Final[dict[str, Any]] = {"ok": {"type": "boolean"}}
_COLOUR: Final[dict[str, Any]] = {"color": {"type": "string"}}
_CONFIRM: Final = elicitation("Please confirm", _OK, ("ok",))
_WHO: Final = elicitation("What is your name?", _NAME, ("name",))
_FIRST: Final = elicitation("Step 1: What is your name?", _NAME, ("name",))
_SECOND: Final = elicitation("Step 2: What is your favorite color?", _COLOUR, ("color",))


async def _elicitation(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    answers = await ask(call, {"user_name": _WHO})
    if isinstance(answers, InputRequiredResult):
        return answers
    return text_result(f"Hello, {field(answers['user_name'], 'name')}!")


async def _sampling(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    answers = await ask(call, {"capital_question": sampling("What is the capital of France?", max_tokens=100)})
    return answers if isinstance(answers, InputRequiredResult) else text_result(said(answers["capital_question"]))


async def _list_roots(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    answers = await ask(call, {"client_roots": roots()})
    return answers if isinstance(answers, InputRequiredResult) else text_result(said(answers["client_roots"]))


async def _request_state(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    answers = await ask(call, {"confirm": _CONFIRM}, state="confirming")
    if isinstance(answers, InputRequiredResult):
        return answers
    _must_be(call, "confirming")
    return text_result(f"state-ok: {said(answers['confirm'])}")


async def _multiple_inputs(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    questions: dict[str, InputRequest] = {
        "user_name": _WHO,
        "greeting": sampling("Generate a greeting", max_tokens=50),
        "client_roots": roots(),
    }
    answers = await ask(call, questions, state="asking")
    if isinstance(answers, InputRequiredResult):
        return answers
    _must_be(call, "asking")
    return text_result("; ".join(f"{key}: {said(answer)}" for key, answer in answers.items()))


async def _multi_round(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    """Ask a second thing once the first was answered; the state says which round it is, and what was said."""
    if not call.is_modern:
        first = await ask(call, {"step1": _FIRST})
        second = await ask(call, {"step2": _SECOND})
        assert not isinstance(first, InputRequiredResult)  # a legacy client is asked at once
        assert not isinstance(second, InputRequiredResult)
        return text_result(f"{field(first['step1'], 'name')} likes {field(second['step2'], 'color')}")
    round_, _, name = (call.params.request_state or "first").partition(":")
    if round_ == "first":
        answers = await ask(call, {"step1": _FIRST}, state="first")
        if isinstance(answers, InputRequiredResult):
            return answers
        name = field(answers["step1"], "name")
    answers = await ask(call, {"step2": _SECOND}, state=f"second:{name}")
    if isinstance(answers, InputRequiredResult):
        return answers
    return text_result(f"{name} likes {field(answers['step2'], 'color')}")


async def _capabilities(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    """Ask for no more than the client said that it can."""
    every: dict[str, InputRequest] = {"user_name": _WHO, "greeting": sampling("Generate a greeting", max_tokens=50)}
    session = call.context.session
    able = {key: question for key, question in every.items() if session.check_client_capability(capability(question))}
    answers = await ask(call, able)
    if isinstance(answers, InputRequiredResult):
        return answers
    return text_result("; ".join(said(answer) for answer in answers.values()) or "The client can do nothing")


def _must_be(call: ToolCalled, state: str) -> None:
    """Refuse a modern client's answers without the state that the questions went out with."""
    if call.is_modern and call.params.request_state != state:
        raise MCPError(INVALID_PARAMS, "requestState is missing, or of another request")


TOOLS: Final = (
    tool("test_input_required_result_elicitation", "Ask the person's name.", _elicitation),
    tool("test_input_required_result_sampling", "Ask the client's model for a capital.", _sampling),
    tool("test_input_required_result_list_roots", "Ask for the client's roots.", _list_roots),
    tool("test_input_required_result_request_state", "Ask, with a state.", _request_state),
    tool("test_input_required_result_multiple_inputs", "Ask three things at once.", _multiple_inputs),
    tool("test_input_required_result_multi_round", "Ask one thing after the other.", _multi_round),
    tool("test_input_required_result_tampered_state", "Ask, with a state that is checked.", _request_state),
    tool("test_input_required_result_capabilities", "Ask what the client can answer.", _capabilities),
)
