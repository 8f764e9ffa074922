"""Asks a server by the SDK's own client and keeps what it answered as it came over the wire.

The client drives, its transport is overheard: what the client's models would drop or fill in is seen all the same. An
`Answer` holds the result or the error, what the server said on the way, and what it asked of the client.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import anyio
import mcp_types as types
from mcp import Client, MCPError
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

STEP_SECONDS: Final = 30
_LISTS: Final = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
_SAID: Final = ("notifications/progress", "notifications/message")  # what belongs to the request that is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request; of a list, every page."""

    method: str
    params: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What it asks, in a few words."""
        of = self.params.get("name", self.params.get("uri", self.params.get("level", "")))
        return f"{self.method} {of}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one step: the members that must be equal."""

    result: Any = None
    error: Any = None
    said: tuple[Any, ...] = ()
    asked: tuple[Any, ...] = ()
    client: str | None = None  # the client's own word, where it did not come through with it

    def as_json(self) -> dict[str, Any]:
        """Return what is there."""
        members = {"result": self.result, "error": self.error, "client": self.client}
        told = {"said": list(self.said), "asked": list(self.asked)}
        return {name: value for name, value in {**members, **told}.items() if value not in (None, [])}


class Heard:
    """What passed on a transport since the last `forget`."""

    def __init__(self) -> None:
        self.sent: dict[Any, str] = {}
        self.messages: list[Any] = []

    def forget(self) -> None:
        self.sent.clear()
        self.messages.clear()

    def answers_to(self, method: str) -> list[Any]:
        """Return the answers to the requests of this method, oldest first."""
        replies = (one for one in self.messages if isinstance(one, types.JSONRPCResponse | types.JSONRPCError))
        return [one for one in replies if self.sent.get(one.id) == method]

    @property
    def asked(self) -> tuple[Any, ...]:
        """Return what the server asked of the client."""
        return tuple(_told(one) for one in self.messages if isinstance(one, types.JSONRPCRequest))

    @property
    def said(self) -> tuple[Any, ...]:
        """Return what it said on the way."""
        notes = (one for one in self.messages if isinstance(one, types.JSONRPCNotification))
        return tuple(_told(one) for one in notes if one.method in _SAID)


def _told(message: types.JSONRPCRequest | types.JSONRPCNotification) -> dict[str, Any]:
    """Return method and parameters; ids and tokens are each side's own."""
    return {"method": message.method, "params": _without_ids(message.params or {})}


def _without_ids(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key not in {"progressToken", "_meta"}}


class _Overheard:
    """A stream of a transport, whichever way it goes, that notes what passes."""

    def __init__(self, stream: Any, note: Callable[[Any], None]) -> None:
        self._stream, self._note = stream, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive(self) -> Any:
        return self._noted(await self._stream.receive())

    async def send(self, message: SessionMessage) -> None:
        self._noted(message)
        await self._stream.send(message)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._noted(await self._stream.__anext__())

    def _noted(self, message: Any) -> Any:
        if isinstance(message, SessionMessage):
            self._note(message.message)
        return message

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stream.__aexit__(kind, error, trace)  # type: ignore[no-any-return]  # as the stream has it


@asynccontextmanager
async def overheard(transport: AbstractAsyncContextManager[Any], heard: Heard) -> AsyncIterator[Any]:
    """Wrap a transport so that `heard` notes both its directions."""

    def note_sent(message: Any) -> None:
        if isinstance(message, types.JSONRPCRequest):
            heard.sent[message.id] = message.method

    async with transport as (read, write):
        yield _Overheard(read, heard.messages.append), _Overheard(write, note_sent)


async def ask(client: Client, heard: Heard, step: Step) -> Answer:
    """Take one step and return what came of it."""
    heard.forget()
    failed: str | None = None
    try:
        with anyio.fail_after(STEP_SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the newest version has deprecated
            await _take(client, step)
    except MCPError:
        pass  # it is heard, as it came
    except (ValidationError, RuntimeError, ValueError, TimeoutError) as error:
        failed = type(error).__name__
    answers = heard.answers_to(step.method)
    said, asked = heard.said, (*heard.asked, *_asked_in(answers))
    if not answers:
        return Answer(client=failed or "no answer", said=said, asked=asked)
    last = answers[-1]
    if isinstance(last, types.JSONRPCError):
        told = last.error.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return Answer(error=told, client=failed, said=said, asked=asked)
    result = _joined(answers) if step.method in _LISTS else last.result
    return Answer(result=result, client=failed, said=said, asked=asked)


def _asked_in(answers: list[Any]) -> tuple[Any, ...]:
    """Return what a modern server asked of the client, by results that want an input."""
    results = (one.result for one in answers if isinstance(one, types.JSONRPCResponse))
    wanted = (one.get("inputRequests") or {} for one in results if one.get("resultType") == "input_required")
    return tuple(
        {"method": request["method"], "params": _without_ids(request.get("params") or {})}
        for requests in wanted
        for request in requests.values()
    )


def _joined(pages: list[Any]) -> dict[str, Any]:
    """Return all pages of a list as one; how they are cut is each side's own."""
    whole: dict[str, Any] = {}
    for page in pages:
        for key, value in page.result.items():
            whole[key] = [*whole.get(key, []), *value] if isinstance(value, list) else value
    return {key: value for key, value in whole.items() if key != "nextCursor"}


async def _take(client: Client, step: Step) -> None:
    params = dict(step.params)
    match step.method:
        case "tools/call":
            await client.call_tool(params["name"], params.get("arguments"), progress_callback=_hear_progress)
        case "prompts/get":
            await client.get_prompt(params["name"], params.get("arguments"))
        case "resources/read":
            await client.read_resource(params["uri"])
        case "completion/complete":
            await client.complete(_reference(params["ref"]), params["argument"], params.get("context"))
        case "resources/subscribe":
            await client.subscribe_resource(params["uri"])
        case "resources/unsubscribe":
            await client.unsubscribe_resource(params["uri"])
        case "logging/setLevel":
            await client.set_logging_level(params["level"])
        case "ping":
            await client.send_ping()
        case _:
            await _walk(client, step.method)


async def _hear_progress(progress: float, total: float | None, message: str | None) -> None:
    """Being asked for is what makes a server report; what it reports is overheard."""


def _reference(ref: Mapping[str, str]) -> types.PromptReference | types.ResourceTemplateReference:
    if ref["type"] == "ref/prompt":
        return types.PromptReference(type="ref/prompt", name=ref["name"])
    return types.ResourceTemplateReference(type="ref/resource", uri=ref["uri"])


async def _walk(client: Client, method: str) -> None:
    """Ask for every page of a list."""
    pages: dict[str, Any] = {
        "tools/list": client.list_tools,
        "prompts/list": client.list_prompts,
        "resources/list": client.list_resources,
        "resources/templates/list": client.list_resource_templates,
    }
    cursor: str | None = None
    while True:
        page = await pages[method](cursor=cursor)
        cursor = page.next_cursor
        if cursor is None:
            return
