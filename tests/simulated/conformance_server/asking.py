"""What a server asks of its client while it answers, in the client's own way.

A legacy client is asked with requests on the stream of the call. A modern one is told `input_required`, and comes back
with its answers: whatever is missing then is asked for again, and keys that nobody asked for are ignored. Neither is
asked for what it did not say that it can.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    InputResponse,
    ListRootsRequest,
    ListRootsResult,
    RequestId,
    RootsCapability,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)

from tests.simulated.conformance_server.fixture import Asker

Questions = Mapping[str, InputRequest]
Answers = Mapping[str, InputResponse]


def elicitation(message: str, properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> ElicitRequest:
    """Return a question to the person, with a form of these properties."""
    schema = {"type": "object", "properties": dict(properties), "required": list(required)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(text: str, *, max_tokens: int) -> CreateMessageRequest:
    """Return a question to the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def roots() -> ListRootsRequest:
    return ListRootsRequest()


def capability(question: InputRequest) -> ClientCapabilities:
    """Return what a client must have declared to be asked this."""
    match question:
        case ElicitRequest():
            return ClientCapabilities(elicitation=ElicitationCapability())
        case CreateMessageRequest():
            return ClientCapabilities(sampling=SamplingCapability())
        case ListRootsRequest():
            return ClientCapabilities(roots=RootsCapability())
        case _:
            assert_never(question)


def must_have(session: ServerSession, wanted: ClientCapabilities) -> None:
    """Refuse a client that did not declare this."""
    if not session.check_client_capability(wanted):
        missing = wanted.model_dump(by_alias=True, mode="json", exclude_none=True)
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"the client did not declare {', '.join(missing)}",
            {"requiredCapabilities": missing},
        )


async def ask(asker: Asker, questions: Questions, state: str | None = None) -> Answers | InputRequiredResult:
    """Return an answer to each of the questions; or, to a modern client, what it is still to answer."""
    for question in questions.values():
        must_have(asker.context.session, capability(question))
    if not asker.is_modern:
        request_id = asker.context.request_id
        return {key: await _asked(asker.context.session, question, request_id) for key, question in questions.items()}
    given = asker.params.input_responses or {}
    answers = {
        key: given[key] for key, question in questions.items() if key in given and _answers(question, given[key])
    }
    missing = {key: question for key, question in questions.items() if key not in answers}
    return InputRequiredResult(input_requests=missing, request_state=state) if missing else answers


def said(answer: InputResponse) -> str:
    """Return what was answered, in words."""
    match answer:
        case ElicitResult():
            return f"action={answer.action}, content={answer.content or {}}"
        case CreateMessageResult(content=TextContent(text=text)):
            return text
        case ListRootsResult():
            return ", ".join(str(root.uri) for root in answer.roots)
        case _:
            return answer.model_dump_json(by_alias=True, exclude_none=True)


def field(answer: InputResponse, name: str) -> str:
    """Return a field of what a person filled in; where there is none, nothing."""
    content = answer.content if isinstance(answer, ElicitResult) else None
    return str((content or {}).get(name, ""))


async def _asked(session: ServerSession, question: InputRequest, request_id: RequestId | None) -> InputResponse:
    related = ServerMessageMetadata(related_request_id=request_id)
    match question:
        case ElicitRequest():
            return await session.send_request(question, ElicitResult, metadata=related)
        case CreateMessageRequest():
            return await session.send_request(question, CreateMessageResult, metadata=related)
        case ListRootsRequest():
            return await session.send_request(question, ListRootsResult, metadata=related)
        case _:
            assert_never(question)


def _answers(question: InputRequest, answer: InputResponse) -> bool:
    match question:
        case ElicitRequest():
            return isinstance(answer, ElicitResult)
        case CreateMessageRequest():
            return isinstance(answer, CreateMessageResult)
        case ListRootsRequest():
            return isinstance(answer, ListRootsResult)
        case _:
            assert_never(question)
