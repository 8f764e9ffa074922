"""Resources: a text, a picture, one that may be watched, and a family by template. What is no resource is refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tests.simulated.conformance_server.content import PNG

_Context = ServerRequestContext[Any, Any]

LEGACY_NOT_FOUND: Final = -32002  # until SEP-2164
WATCHED: Final = "test://watched-resource"
_FAMILY: Final = re.compile(r"test://template/([^/]+)/data")
_CONTENTS: Final[dict[str, TextResourceContents | BlobResourceContents]] = {
    "test://static-text": TextResourceContents(
        uri="test://static-text", mime_type="text/plain", text="This is the content of the static text resource."
    ),
    "test://static-binary": BlobResourceContents(uri="test://static-binary", mime_type="image/png", blob=PNG),
    WATCHED: TextResourceContents(uri=WATCHED, mime_type="text/plain", text="Watched resource content."),
}
RESOURCES: Final = (
    Resource(uri="test://static-text", name="static-text", description="A text.", mime_type="text/plain"),
    Resource(uri="test://static-binary", name="static-binary", description="A picture.", mime_type="image/png"),
    Resource(uri=WATCHED, name="watched-resource", description="A text that may be watched.", mime_type="text/plain"),
)
TEMPLATES: Final = (
    ResourceTemplate(
        uri_template="test://template/{id}/data",
        name="template",
        description="Data by its id.",
        mime_type="application/json",
    ),
)


async def list_resources(_: _Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
    return ListResourcesResult(resources=list(RESOURCES))


async def list_resource_templates(_: _Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    return ListResourceTemplatesResult(resource_templates=list(TEMPLATES))


async def read_resource(context: _Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    """Return what is at a URI."""
    uri = str(params.uri)
    if uri in _CONTENTS:
        return ReadResourceResult(contents=[_CONTENTS[uri]])
    if member := _FAMILY.fullmatch(uri):
        text = json.dumps({"id": member[1], "templateTest": True, "data": f"Data for ID: {member[1]}"})
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type="application/json", text=text)])
    is_modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
    raise MCPError(INVALID_PARAMS if is_modern else LEGACY_NOT_FOUND, "Resource not found", {"uri": uri})
