"""What a tool server of the soak offers and does, whatever era and transport it speaks; and the log that it keeps.

Each call has a key of its own among its arguments, and comes back with it: an answer that belongs to another call is
seen at once. The log has one line for each call that begins, ends, asks or is cancelled: `<event> <key> <process id>`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, Final, Protocol

MODERN: Final = "2026-07-28"
LEGACY: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
UPDATE_SECONDS: Final = 3.0  # between two updates of the page
SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"
_NOT_FOUND: Final = -32601
_INVALID: Final = -32602
_KIB: Final = 1024


class Aside(Protocol):
    """Who called: is told how far its call is, and asked, where the era has questions of servers."""

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification that belongs to this call."""
        ...

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result that the client gives (legacy only)."""
        ...


class Log:
    """One line for each event; every line is appended whole, whoever else writes to the file."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, event: str, key: str = "-") -> None:
        """Write one line."""
        os.write(self._file, f"{event} {key} {os.getpid()}\n".encode())


class Unanswerable(Exception):  # noqa: N818 - it is an answer
    """What is answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error: Final = {"code": code, "message": message}


def error_message(request_id: object, stop: Unanswerable) -> dict[str, Any]:
    """Return the message that carries an error."""
    return {"jsonrpc": "2.0", "id": request_id, "error": stop.error}


def result_message(request_id: object, result: dict[str, Any]) -> dict[str, Any]:
    """Return the message that carries a result."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def notification(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


class SoakTools:
    """One tool server."""

    def __init__(self, name: str, era: str, log: Log) -> None:
        self.name: Final = name
        self.is_modern: Final = era == "modern"
        self.page: Final = f"soak://{name}/page"
        self._log: Final = log

    async def answer(self, method: str, params: dict[str, Any], aside: Aside) -> dict[str, Any]:
        """Return the result of a request; raises `Unanswerable`."""
        match method:
            case "tools/call":
                return await self._logged(params, aside)
            case "prompts/get":
                said = {"type": "text", "text": f"Say {params['arguments']['topic']}."}
                return self._stamped({"messages": [{"role": "user", "content": said}]})
            case "resources/read":
                cached = _CACHED if self.is_modern else {}
                return self._stamped({"contents": [{"uri": params["uri"], "text": self.name}], **cached})
            case _ if self.is_modern:
                return self._stamped({**self._offer(method), **_CACHED})
            case "ping" | "resources/subscribe" | "resources/unsubscribe":
                return {}
            case "initialize":
                return self._introduction(str(params["protocolVersion"]))
            case _:
                return self._offer(method)

    def _offer(self, method: str) -> dict[str, Any]:
        offer: dict[str, dict[str, Any]] = {
            "tools/list": {"tools": _TOOLS},
            "prompts/list": {"prompts": [_PROMPT]},
            "resources/list": {"resources": [{"uri": self.page, "name": "page", "mimeType": "text/plain"}]},
            "resources/templates/list": {"resourceTemplates": []},
        }
        if self.is_modern:
            offer["server/discover"] = {"supportedVersions": [MODERN], "capabilities": self._capabilities()}
        if method not in offer:
            raise Unanswerable(_NOT_FOUND, "Method not found")
        return offer[method]

    def updated(self, subscription: object = None) -> dict[str, Any]:
        """Return the notification that the page has changed; `subscription` is the id of who listens (modern)."""
        meta = {"_meta": {SUBSCRIPTION_ID: subscription}} if self.is_modern else {}
        return notification("notifications/resources/updated", {"uri": self.page, **meta})

    def acknowledged(self, subscription: object, params: dict[str, Any]) -> dict[str, Any]:
        """Return the notification with which a `subscriptions/listen` begins."""
        asked = params["notifications"]
        meta = {SUBSCRIPTION_ID: subscription}
        return notification("notifications/subscriptions/acknowledged", {"_meta": meta, "notifications": asked})

    # --- calls

    async def _logged(self, params: dict[str, Any], aside: Aside) -> dict[str, Any]:
        key = str(params["arguments"]["call"])
        self._log.note("begin", key)
        try:
            result = await self._call(params, key, aside)
        except asyncio.CancelledError:
            self._log.note("cancelled", key)
            raise
        self._log.note("asked" if result.get("resultType") == "input_required" else "end", key)
        return result

    async def _call(self, params: dict[str, Any], key: str, aside: Aside) -> dict[str, Any]:
        arguments = params["arguments"]
        match params["name"]:
            case "echo":
                return self._said(key, arguments["text"])
            case "large":
                return self._said(key, "x" * (_KIB * int(arguments["kib"])))
            case "slow":
                token = params.get("_meta", {}).get("progressToken")
                for step in range(int(arguments["steps"])):
                    if token is not None:
                        told = {"progressToken": token, "progress": step + 1, "total": arguments["steps"]}
                        await aside.tell("notifications/progress", told)
                    await asyncio.sleep(float(arguments["ms"]) / 1000)
                return self._said(key, "slept")
            case "ask":
                return await self._ask(params, key, aside)
            case "quit":
                self._log.note("quit", key)
                os._exit(3)
            case name:
                raise Unanswerable(_INVALID, f"Unknown tool: {name}")

    async def _ask(self, params: dict[str, Any], key: str, aside: Aside) -> dict[str, Any]:
        """Ask the person for the key of this very call."""
        form: dict[str, Any] = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
        question = {"mode": "form", "message": f"Which call is it? {key}", "requestedSchema": form}
        if not self.is_modern:
            answer = await aside.ask("elicitation/create", question)
        elif "inputResponses" not in params:
            asked = {"key": {"method": "elicitation/create", "params": question}}
            return {**self._stamped({}), "resultType": "input_required", "inputRequests": asked, "requestState": key}
        elif params.get("requestState") != key:
            raise Unanswerable(_INVALID, "the state of another call")
        else:
            answer = params["inputResponses"]["key"]
        return self._said(key, str(answer.get("content", {}).get("key")))

    # --- forms

    def _introduction(self, asked: str) -> dict[str, Any]:
        version = asked if asked in LEGACY else LEGACY[0]
        return {"protocolVersion": version, "capabilities": self._capabilities(), "serverInfo": self._info()}

    def _capabilities(self) -> dict[str, Any]:
        return {"tools": {}, "prompts": {}, "resources": {"subscribe": True}}

    def _info(self) -> dict[str, str]:
        return {"name": f"soak-{self.name}", "version": "1"}

    def _said(self, key: str, text: str) -> dict[str, Any]:
        content = [{"type": "text", "text": text}]
        return self._stamped({"content": content, "structuredContent": {"call": key, "text": text}, "isError": False})

    def _stamped(self, result: dict[str, Any]) -> dict[str, Any]:
        if not self.is_modern:
            return result
        return {"resultType": "complete", **result, "_meta": {"io.modelcontextprotocol/serverInfo": self._info()}}


def _tool(name: str, **fields: str) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in {"call": "string", **fields}.items()}
    answer = {"call": {"type": "string"}, "text": {"type": "string"}}
    return {
        "name": name,
        "description": f"The tool {name}.",
        "inputSchema": {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        },
        "outputSchema": {"type": "object", "properties": answer, "required": list(answer)},
    }  # fmt: skip


_CACHED: Final[dict[str, Any]] = {"ttlMs": 60_000, "cacheScope": "public"}
_TOOLS: Final = [
    _tool("echo", text="string"),
    _tool("large", kib="integer"),
    _tool("slow", ms="integer", steps="integer"),
    _tool("ask"),
    _tool("quit"),
]
_PROMPT: Final = {"name": "say", "description": "Say it.", "arguments": [{"name": "topic", "required": True}]}


def dumped(message: dict[str, Any]) -> bytes:
    """Return a message as one line."""
    return json.dumps(message, separators=(",", ":")).encode()
