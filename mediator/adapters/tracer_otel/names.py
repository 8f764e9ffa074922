"""Every name on a span, in one table: the conventions' own, and ours under `mediator.`.

The MCP and GenAI conventions have the status "Development" (semantic-conventions-genai, docs/gen-ai/mcp.md); they left
the installed package of conventions, so they are written here. A name changes in this file or not at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

# MCP and GenAI conventions.
MCP_METHOD: Final = "mcp.method.name"
MCP_PROTOCOL_VERSION: Final = "mcp.protocol.version"
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_TOOL: Final = "gen_ai.tool.name"
GEN_AI_PROMPT: Final = "gen_ai.prompt.name"
MCP_RESOURCE: Final = "mcp.resource.uri"
JSONRPC_REQUEST_ID: Final = "jsonrpc.request.id"

# General conventions.
ERROR_TYPE: Final = "error.type"
NETWORK_TRANSPORT: Final = "network.transport"
NETWORK_PROTOCOL: Final = "network.protocol.name"
CLIENT_ADDRESS: Final = "client.address"

# Proposed for authorisation decisions (semantic-conventions-genai #291); not accepted so far.
AUTHORIZATION_OUTCOME: Final = "gen_ai.agent.authorization.outcome"
AUTHORIZATION_REASON: Final = "gen_ai.agent.authorization.reason"

# Ours.
AGENT: Final = "mediator.agent.id"
CHAIN: Final = "mediator.delegation.chain"
CHAIN_CONNECTORS: Final = "mediator.delegation.connectors"
CHAIN_DEPTH: Final = "mediator.delegation.depth"
CHAIN_ROOT: Final = "mediator.delegation.root"
CHAIN_RELAYED: Final = "mediator.delegation.relayed"
DECISION_ID: Final = "mediator.decision.id"
DECISION_STEP: Final = "mediator.decision.step"
DECISION_VERDICT: Final = "mediator.decision.verdict"
EFFECT: Final = "mediator.tool.effect"
GRANT: Final = "mediator.grant.id"
LEDGER_INDEX: Final = "mediator.ledger.index"
LEDGER_STREAM: Final = "mediator.ledger.stream"
MANIFEST_DIGEST: Final = "mediator.tool.manifest_digest"
OUTCOME: Final = "mediator.outcome"
OWNER: Final = "mediator.owner.id"
PIN_DIGEST: Final = "mediator.tool.digest"
POLICY_DIGEST: Final = "mediator.policy.set_digest"
POLICY_IDS: Final = "mediator.policy.ids"
QUARANTINED: Final = "mediator.tool.quarantined"
REASON: Final = "mediator.refusal.reason"
REQUEST_HASH: Final = "mediator.request.hash"
RESULT_BYTES: Final = "mediator.result.bytes"
RESULT_LABELS: Final = "mediator.result.labels"
TASK: Final = "mediator.task.id"
TASK_LABELS: Final = "mediator.task.labels"
TENANT: Final = "mediator.tenant"
TOOL_SERVER: Final = "mediator.tool_server.name"

# Values.
BY_KIND: Final = MappingProxyType({"tool": GEN_AI_TOOL, "prompt": GEN_AI_PROMPT, "resource": MCP_RESOURCE})
CALL_TOOL: Final = "tools/call"
OPERATION: Final = "execute_tool"
TOOL_ERROR: Final = "tool_error"  # the conventions' word where a result says `isError`
PROTOCOL_ERROR: Final = "protocol_error"
CANCELLED: Final = "cancelled"
SCOPE: Final = "mcp-mediator"
SERVICE: Final = "mcp-mediator"
