"""Tools that answer with content of each kind, at once; and the smallest picture and sound that there are.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from typing import Final

from mcp_types import AudioContent, CallToolResult, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from tests.simulated.conformance_server.fixture import ToolCalled, text_result, tool


def _png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00", 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def _wav() -> bytes:
    """Eight samples of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x00\x00" * 8)
    return buffer.getvalue()


PNG: Final = base64.b64encode(_png()).decode()
WAV: Final = base64.b64encode(_wav()).decode()


def image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    """Return a text resource as content."""
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


async def _simple_text(_: ToolCalled) -> CallToolResult:
    return text_result("This is a simple text response for testing.")


async def _image(_: ToolCalled) -> CallToolResult:
    return CallToolResult(content=[image()])


async def _audio(_: ToolCalled) -> CallToolResult:
    return CallToolResult(content=[AudioContent(type="audio", data=WAV, mime_type="audio/wav")])


async def _embedded_resource(_: ToolCalled) -> CallToolResult:
    text = "This is an embedded resource content."
    return CallToolResult(content=[embedded("test://embedded-resource", "text/plain", text)])


async def _mixed(_: ToolCalled) -> CallToolResult:
    text = TextContent(type="text", text="Multiple content types test:")
    resource = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return CallToolResult(content=[text, image(), resource])


async def _failing(_: ToolCalled) -> CallToolResult:
    return text_result("This tool intentionally returns an error for testing", is_error=True)


# The first is what the suite calls where any tool will do: it must take no arguments.
TOOLS: Final = (
    tool("test_simple_text", "Answer with a text.", _simple_text),
    tool("test_image_content", "Answer with a picture.", _image),
    tool("test_audio_content", "Answer with a sound.", _audio),
    tool("test_embedded_resource", "Answer with a resource.", _embedded_resource),
    tool("test_multiple_content_types", "Answer with a text, a picture and a resource.", _mixed),
    tool("test_error_handling", "Always fail.", _failing),
)  # fmt: skip
