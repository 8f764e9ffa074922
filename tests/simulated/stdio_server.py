"""An honest, scripted MCP tool server over stdio, and the script that the HTTP one answers from too.

Run as `python -I stdio_server.py --script FILE`: it answers what the script says, and writes each thing that happened
to the script's log as one line of JSON. It uses the standard library alone, so that it starts quickly and in an empty
environment. Not strict about what it reads: that is the mediator's duty.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import signal
import sys

TYPE_CHECKING = False  # `typing`, `dataclasses` and the like would cost each process a tenth of a second
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, Literal, TypeAlias

    Era: TypeAlias = Literal["modern", "legacy", "both"]
    OneEra: TypeAlias = Literal["modern", "legacy"]

MODERN = "2026-07-28"
LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resource_templates",
}
ENVELOPE = ("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities")


def tool(name: str, **fields: Any) -> dict[str, Any]:
    """Return a tool's definition: a closed object of strings unless `inputSchema` says otherwise."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False}
    return {"name": name, "description": f"The tool {name}.", "inputSchema": schema, **fields}


class Script:
    """What a scripted server offers and answers. May be changed while it runs (over HTTP).

    `answers` maps a tool's name to the `result` of its calls, `errors` to their JSON-RPC `error`; a tool that stands
    in neither gives its arguments back, as text and as `structuredContent`; so do prompts, resources (their URI) and
    completions, as text. `version` is the newest legacy one. `has_levels`: it has the capability `logging`.
    """

    def __init__(
        self,
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        prompts: Sequence[dict[str, Any]] | None = None,
        resources: Sequence[dict[str, Any]] | None = None,
        resource_templates: Sequence[dict[str, Any]] | None = None,
        era: Era = "modern",
        answers: Mapping[str, Any] | None = None,
        errors: Mapping[str, dict[str, Any]] | None = None,
        page_size: int | None = None,
        instructions: str | None = None,
        version: str = "2025-11-25",
        info: dict[str, Any] | None = None,
        ttl_ms: int = 0,
        later_tools: Sequence[dict[str, Any]] | None = None,
        is_endless: bool = False,
        has_levels: bool = False,
        says_changes: bool = False,
    ) -> None:
        self.tools: list[dict[str, Any]] = [tool("echo")] if tools is None else list(tools)
        self.prompts = None if prompts is None else list(prompts)  # None: it has no such list
        self.resources = None if resources is None else list(resources)
        self.resource_templates = None if resource_templates is None else list(resource_templates)
        self.ttl_ms = ttl_ms
        self.later_tools = None if later_tools is None else list(later_tools)  # offered on every page but the first
        self.is_endless = is_endless  # there is always one page more
        self.has_levels = has_levels
        self.says_changes = says_changes  # of its lists
        self.era: Era = era
        self.answers: dict[str, Any] = dict(answers or {})
        self.errors: dict[str, dict[str, Any]] = dict(errors or {})
        self.page_size = page_size
        self.instructions = instructions
        self.version = version
        self.info = info or {"name": "simulated", "version": "1"}

    def serves(self, era: OneEra) -> bool:
        """Tell whether it speaks that era."""
        return self.era in {era, "both"}

    def respond(self, method: str, params: dict[str, Any], era: OneEra) -> dict[str, Any]:
        """Return `{"result": ...}` or `{"error": ...}` for one request."""
        if not self.serves(era):
            return error(-32022 if era == "legacy" else -32601, "this server does not speak that era")
        if era == "modern" and any(key not in params.get("_meta", {}) for key in ENVELOPE):
            return error(-32602, "params._meta is missing the required envelope")
        match (era, method):
            case ("legacy", "initialize"):
                asked = params.get("protocolVersion")
                result = {"protocolVersion": min(asked, self.version) if asked in LEGACY else self.version}
                result |= {"capabilities": self._capabilities(), "serverInfo": self.info}
                if self.instructions is not None:
                    result["instructions"] = self.instructions
                return {"result": result}
            case ("legacy", "ping"):
                return {"result": {}}
            case ("modern", "server/discover"):
                result = {"supportedVersions": [MODERN], "capabilities": self._capabilities(), **self._cached()}
                if self.instructions is not None:
                    result["instructions"] = self.instructions
                return {"result": self._stamped(result, era)}
            case (_, method) if method in LISTS:
                return self._page(LISTS[method], params.get("cursor"), era)
            case (_, "tools/call"):
                return self._call(params, era)
            case _:
                return self._respond_about_items(method, params, era)

    def _respond_about_items(self, method: str, params: dict[str, Any], era: OneEra) -> dict[str, Any]:
        match (era, method):
            case (_, "prompts/get") if self._knows("prompts", "name", params.get("name")):
                content = {"type": "text", "text": _text(params.get("arguments", {}))}
                return {"result": self._stamped({"messages": [{"role": "user", "content": content}]}, era)}
            case (_, "resources/read") if self._knows("resources", "uri", params.get("uri")):
                content = {"uri": params["uri"], "text": params["uri"]}
                return {"result": self._stamped({"contents": [content], **self._cached(era)}, era)}
            case (_, "prompts/get" | "resources/read"):
                return error(-32602, "there is nothing of that name")
            case (_, "completion/complete"):
                return {"result": self._stamped({"completion": {"values": [_text(params.get("argument"))]}}, era)}
            case ("legacy", "resources/subscribe" | "resources/unsubscribe"):
                is_known = self._knows("resources", "uri", params.get("uri"))
                return {"result": {}} if is_known else error(-32002, "Resource not found")
            case ("legacy", "logging/setLevel") if self.has_levels:
                return {"result": {}}
            case _:
                return error(-32601, "Method not found")

    def _capabilities(self) -> dict[str, Any]:
        lists = {"tools": True, "prompts": self.prompts is not None, "resources": self.resources is not None}
        lists["logging"] = self.has_levels
        return {
            name: {"listChanged": True} if self.says_changes and name != "logging" else {}
            for name, is_there in lists.items()
            if is_there
        }

    def _knows(self, field: str, member: str, name: Any) -> bool:
        return any(known[member] == name for known in getattr(self, field) or ())

    def acknowledge(self, request_id: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the notification that a `subscriptions/listen` has begun: it honours the resources that it has."""
        asked = params.get("notifications", {})
        uris = [uri for uri in asked.get("resourceSubscriptions", ()) if self._knows("resources", "uri", uri)]
        meta = {"io.modelcontextprotocol/subscriptionId": request_id}
        return {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": meta, "notifications": {**asked, "resourceSubscriptions": uris}},
        }

    def _page(self, field: str, cursor: str | None, era: str) -> dict[str, Any]:
        entries = getattr(self, field)
        if field == "tools" and cursor is not None and self.later_tools is not None:
            entries = self.later_tools
        if entries is None:
            return error(-32601, "Method not found")
        member = "resourceTemplates" if field == "resource_templates" else field
        size = self.page_size or max(len(entries), 1)
        start = int(cursor) if cursor is not None else 0
        result: dict[str, Any] = {member: entries[start : start + size]}
        if era == "modern":
            result |= self._cached()
        if start + size < len(entries) or self.is_endless:
            result["nextCursor"] = str(start + size)
        return {"result": self._stamped(result, era)}

    def _call(self, params: dict[str, Any], era: str) -> dict[str, Any]:
        name, arguments = params.get("name"), params.get("arguments", {})
        if name in self.errors:
            return {"error": self.errors[name]}
        if name in self.answers:
            answer = self.answers[name]
            return {"result": self._stamped(dict(answer(arguments) if callable(answer) else answer), era)}
        if all(known["name"] != name for known in self.tools):
            return error(-32602, f"Unknown tool: {name}")
        echo = {
            "content": [{"type": "text", "text": _text(arguments)}],
            "structuredContent": arguments,
            "isError": False,
        }
        return {"result": self._stamped(echo, era)}

    def _cached(self, era: str = "modern") -> dict[str, Any]:
        if era == "legacy":
            return {}
        return {"ttlMs": self.ttl_ms, "cacheScope": "public"}

    def _stamped(self, result: dict[str, Any], era: str) -> dict[str, Any]:
        if era == "legacy":
            return result
        identity = {"io.modelcontextprotocol/serverInfo": self.info}
        return {"resultType": "complete", **result, "_meta": {**identity, **result.get("_meta", {})}}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def error(code: int, message: str, **more: Any) -> dict[str, Any]:
    """Return a JSON-RPC error."""
    return {"error": {"code": code, "message": message, **more}}


def era_of(params: dict[str, Any]) -> OneEra:
    """Tell in which era a message that came without headers speaks: the modern one brings an envelope."""
    return "modern" if ENVELOPE[0] in params.get("_meta", {}) else "legacy"


# --- the process -----------------------------------------------------------------------------------------------------


class Process:
    """How the process behaves beside its script; each field is one misbehaviour, off by default.

    `on` maps a method (or `*start*`) to what is written instead of an answer: literal text, in which `{id}` stands
    for the request's id and a lone surrogate for a byte that is no UTF-8; or a word: `answer` (as it should), `hang`
    (no answer), `exit` (the process ends), `deaf` (it reads no more), `flood-stderr` (and answers), `flood-stdout`,
    `await` (the rest comes when something that it asked is answered; the oldest that awaits goes on first).
    `child`: it starts a process of its own, which outlives its parent unless the group is killed. `follows`: its script
    is read anew before each message, so that it changes while it runs.
    """

    FIELDS = ("log", "on", "ignores_eof", "ignores_term", "child", "show_environment", "follows")

    def __init__(
        self,
        *,
        log: str = os.devnull,
        on: Mapping[str, list[str]] | None = None,
        ignores_eof: bool = False,
        ignores_term: bool = False,
        child: bool = False,
        show_environment: bool = False,
        follows: bool = False,
    ) -> None:
        self.follows = follows
        self.log, self.on = log, dict(on or {})
        self.ignores_eof, self.ignores_term = ignores_eof, ignores_term
        self.child, self.show_environment = child, show_environment


def write_script(path: Path, script: Script, process: Process) -> None:
    """Write what `--script` reads, in one step: a process may be reading it."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"script": vars(script), "process": vars(process)}), encoding="utf-8")
    draft.replace(path)


def read_script(path: str) -> tuple[Script, Process]:
    """Read what `write_script` wrote."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - `pathlib` costs its import
        read = json.load(file)
    return Script(**read["script"]), Process(**read["process"])


class _Running:
    def __init__(self, path: str) -> None:
        self.path = path
        self.script, self.process = read_script(path)
        self.awaiting: list[tuple[list[str], dict[str, Any]]] = []

    def note(self, event: str, **more: Any) -> None:
        line = json.dumps({"pid": os.getpid(), "event": event, **more}) + "\n"
        with open(self.process.log, "a", encoding="utf-8") as log:  # noqa: PTH123 - `pathlib` costs its import
            log.write(line)

    def say(self, text: str) -> None:
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()

    def misbehave(self, what: str, message: dict[str, Any]) -> None:
        match what:
            case "hang":
                return
            case "deaf":
                signal.pause()
            case "exit":
                self.note("end")
                os._exit(3)
            case "answer":
                self.answer(message)
            case "flood-stderr":
                for _ in range(32):
                    sys.stderr.write("x" * 65535 + "\n")
                self.answer(message)
            case "flood-stdout":
                while True:
                    self.say("noise " * 1000 + "\n")
            case text:
                self.say(text.replace("{id}", json.dumps(message.get("id"))))

    def go_through(self, whats: list[str], message: dict[str, Any]) -> None:
        for number, what in enumerate(whats):
            if what == "await":
                self.awaiting.append((whats[number + 1 :], message))
                return
            self.misbehave(what, message)

    def answer(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message["method"] == "subscriptions/listen" and era_of(params) == "modern" and self.script.serves("modern"):
            self.say(json.dumps(self.script.acknowledge(message["id"], params)) + "\n")
            return
        answer = self.script.respond(message["method"], params, era_of(params))
        self.say(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}) + "\n")

    def serve(self) -> None:
        self.start()
        for line in sys.stdin:
            message = json.loads(line)
            if self.process.follows:
                self.script, self.process = read_script(self.path)
            self.note("message", message=message)
            method = message.get("method")
            if method in self.process.on:
                self.go_through(self.process.on[method], message)
            elif method is None and self.awaiting:
                self.go_through(*self.awaiting.pop(0))
            elif method is not None and "id" in message:
                self.answer(message)
        self.note("eof")
        if self.process.ignores_eof:
            while True:
                signal.pause()

    def start(self) -> None:
        more: dict[str, Any] = {}
        if self.process.child:
            more["child"] = self.have_a_child()
        if self.process.show_environment:
            more["environment"] = dict(os.environ)
        if self.process.ignores_term:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.note("start", group=os.getpgid(0), **more)
        for what in self.process.on.get("*start*", []):
            self.misbehave(what, {})

    def have_a_child(self) -> int:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                signal.pause()
        return child


def main() -> None:
    if sys.argv[1:2] != ["--script"]:
        sys.exit("usage: stdio_server.py --script FILE")
    _Running(sys.argv[2]).serve()


if __name__ == "__main__":
    main()
