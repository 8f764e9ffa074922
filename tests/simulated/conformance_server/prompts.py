"""Prompts: plain, with arguments, with a resource, with a picture, and one that asks before it answers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mcp_types import (
    ContentBlock,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from tests.simulated.conformance_server.asking import ask, elicitation, field
from tests.simulated.conformance_server.content import embedded, image
from tests.simulated.conformance_server.fixture import PromptFixture, PromptWanted


def _messages(*contents: ContentBlock | str) -> GetPromptResult:
    return GetPromptResult(
        messages=[
            PromptMessage(role="user", content=TextContent(type="text", text=one) if isinstance(one, str) else one)
            for one in contents
        ]
    )


async def _simple(_: PromptWanted) -> GetPromptResult:
    return _messages("This is a simple prompt for testing.")


async def _with_arguments(wanted: PromptWanted) -> GetPromptResult:
    first, second = wanted.argument("arg1"), wanted.argument("arg2")
    return _messages(f"Prompt with arguments: arg1='{first}', arg2='{second}'")


async def _with_embedded_resource(wanted: PromptWanted) -> GetPromptResult:
    resource = embedded(wanted.argument("resourceUri"), "text/plain", "Embedded resource content for testing.")
    return _messages(resource, "Please process the embedded resource above.")


async def _with_image(_: PromptWanted) -> GetPromptResult:
    return _messages(image(), "Please analyze the image above.")


async def _asking(wanted: PromptWanted) -> GetPromptResult | InputRequiredResult:
    question = elicitation("What context should the prompt use?", {"context": {"type": "string"}}, ("context",))
    answers = await ask(wanted, {"user_context": question})
    if isinstance(answers, InputRequiredResult):
        return answers
    return _messages(f"Prompt with context: {field(answers['user_context'], 'context')}")


def _prompt(name: str, description: str, **arguments: str) -> Prompt:
    """Describe a prompt, every argument of which is required."""
    wanted = [PromptArgument(name=one, description=what, required=True) for one, what in arguments.items()]
    return Prompt(name=name, description=description, arguments=wanted or None)


PROMPTS: Final = (
    PromptFixture(definition=_prompt("test_simple_prompt", "A prompt without arguments."), answer=_simple),
    PromptFixture(
        definition=_prompt(
            "test_prompt_with_arguments",
            "A prompt with two arguments.",
            arg1="First test argument",
            arg2="Second test argument",
        ),
        answer=_with_arguments,
    ),
    PromptFixture(
        definition=_prompt(
            "test_prompt_with_embedded_resource",
            "A prompt with a resource in it.",
            resourceUri="URI of the resource to embed",
        ),
        answer=_with_embedded_resource,
    ),
    PromptFixture(definition=_prompt("test_prompt_with_image", "A prompt with a picture in it."), answer=_with_image),
    PromptFixture(
        definition=_prompt("test_input_required_result_prompt", "A prompt that asks the person first."),
        answer=_asking,
    ),
)
