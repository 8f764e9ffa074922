"""Tools that ask a person or a model one thing: what the legacy scenarios call, served in either era.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

from mcp_types import CallToolResult, ClientCapabilities, InputRequest, InputRequiredResult, SamplingCapability

from tests.simulated.conformance_server.asking import ask, elicitation, must_have, said, sampling
from tests.simulated.conformance_server.fixture import ToolCalled, strings, text_result, tool

_OPTIONS: Final = ["option1", "option2", "option3"]
_PERSON: Final = {
    "username": {"type": "string", "description": "User's response"},
    "email": {"type": "string", "description": "User's email address"},
}
_DEFAULTS: Final[dict[str, Any]] = {  # SEP-1034: a default for each primitive type
    "name": {"type": "string", "description": "User name", "default": "John Doe"},
    "age": {"type": "integer", "description": "User age", "default": 30},
    "score": {"type": "number", "description": "User score", "default": 95.5},
    "status": {
        "type": "string",
        "description": "User status",
        "enum": ["active", "inactive", "pending"],
        "default": "active",
    },
    "verified": {"type": "boolean", "description": "Verification status", "default": True},
}
_ENUMS: Final[dict[str, Any]] = {  # SEP-1330: the five ways of a choice
    "untitledSingle": {"type": "string", "enum": _OPTIONS},
    "titledSingle": {
        "type": "string",
        "oneOf": [
            {"const": "value1", "title": "First Option"},
            {"const": "value2", "title": "Second Option"},
            {"const": "value3", "title": "Third Option"},
        ],
    },
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
    "titledMulti": {
        "type": "array",
        "items": {
            "anyOf": [
                {"const": "value1", "title": "First Choice"},
                {"const": "value2", "title": "Second Choice"},
                {"const": "value3", "title": "Third Choice"},
            ]
        },
    },
}


async def _answer_to(call: ToolCalled, question: InputRequest, prefix: str) -> CallToolResult | InputRequiredResult:
    answers = await ask(call, {"answer": question})
    return answers if isinstance(answers, InputRequiredResult) else text_result(prefix + said(answers["answer"]))


async def _sampling(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    return await _answer_to(call, sampling(call.argument("prompt"), max_tokens=100), "LLM response: ")


async def _elicitation(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    question = elicitation(call.argument("message"), _PERSON, ("username", "email"))
    return await _answer_to(call, question, "User response: ")


async def _streaming_elicitation(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    question = elicitation("Please provide your information", _PERSON, ("username", "email"))
    return await _answer_to(call, question, "User response: ")


async def _defaults(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    question = elicitation("Please review and update the form fields with defaults", _DEFAULTS)
    return await _answer_to(call, question, "Elicitation completed: ")


async def _enums(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    return await _answer_to(call, elicitation("Please select options", _ENUMS), "Elicitation completed: ")


async def _missing_capability(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    """Serve who declared sampling, without using it."""
    must_have(call.context.session, ClientCapabilities(sampling=SamplingCapability()))
    return text_result("The client can sample")


TOOLS: Final = (
    tool("test_sampling", "Ask the client's model.", _sampling, strings("prompt")),
    tool("test_elicitation", "Ask the person.", _elicitation, strings("message")),
    tool("test_streaming_elicitation", "Ask the person, on the stream of the call.", _streaming_elicitation),
    tool("test_elicitation_sep1034_defaults", "Ask the person, with defaults.", _defaults),
    tool("test_elicitation_sep1330_enums", "Ask the person to choose.", _enums),
    tool("test_missing_capability", "Serve only who can sample.", _missing_capability),
)
