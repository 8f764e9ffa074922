"""A tool and a prompt of the fixture server: what is listed of it, and what it answers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import SubscriptionBus
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    InputResponseRequestParams,
    Prompt,
    TextContent,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, and over which connection: what a handler needs of a request in either era."""

    context: ServerRequestContext[Any, Any]
    changes: SubscriptionBus  # to whoever listens, in the modern era
    params: InputResponseRequestParams

    @property
    def is_modern(self) -> bool:
        return self.context.protocol_version in MODERN_PROTOCOL_VERSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Asker):
    """A call of a tool."""

    params: CallToolRequestParams

    def argument(self, name: str) -> str:
        """Return an argument as text; where it is missing, nothing."""
        return str((self.params.arguments or {}).get(name, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptWanted(Asker):
    """A prompt that somebody wants."""

    params: GetPromptRequestParams

    def argument(self, name: str) -> str:
        """Return an argument; where it is missing, nothing."""
        return (self.params.arguments or {}).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFixture:
    """One tool."""

    definition: Tool
    answer: Callable[[ToolCalled], Awaitable[CallToolResult | InputRequiredResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFixture:
    """One prompt."""

    definition: Prompt
    answer: Callable[[PromptWanted], Awaitable[GetPromptResult | InputRequiredResult]]


def tool(
    name: str,
    description: str,
    answer: Callable[[ToolCalled], Awaitable[CallToolResult | InputRequiredResult]],
    input_schema: dict[str, Any] | None = None,
) -> ToolFixture:
    """Make a tool; without a schema it takes no arguments."""
    definition = Tool(name=name, description=description, input_schema=input_schema or NO_ARGUMENTS)
    return ToolFixture(definition=definition, answer=answer)


def text_result(text: str, *, is_error: bool = False) -> CallToolResult:
    """Return a result of one text."""
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)


def strings(*names: str) -> dict[str, Any]:
    """Return the schema of these required strings, and of nothing else."""
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(names)}
