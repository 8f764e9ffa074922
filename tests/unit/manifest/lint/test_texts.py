"""Every text of a definition is read, wherever it stands.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import Json
from mediator.manifest.lint.texts import Role, Text, texts_of


def test_every_text_is_found_with_its_place() -> None:
    """Issue 3: every text a model sees, at any depth, property names and enum values too."""
    definition: dict[str, Json] = {
        "name": "t",
        "inputSchema": {"properties": {"a/b": {"type": "string", "enum": ["x", "y"], "maximum": 3, "default": None}}},
    }
    texts = {(text.pointer, text.value, text.role) for text in texts_of(definition)}
    assert {
        ("/name", "t", Role.NAME),
        ("/inputSchema/properties/a~1b", "a/b", Role.NAME),
        ("/inputSchema/properties/a~1b/type", "string", Role.PROSE),
        ("/inputSchema/properties/a~1b/enum", "x y", Role.PROSE),
        ("/inputSchema/properties/a~1b/enum/1", "y", Role.PROSE),
    } <= texts


def test_a_lone_text_is_read_too() -> None:
    """Ours: whatever is there to read, is read."""
    assert list(texts_of("a")) == [Text(pointer="", value="a", role=Role.PROSE)]
