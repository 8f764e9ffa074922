"""Unit tests of mediator/inspection/judgement.py; its rules are tested through `release.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import subprocess
import sys

from mediator.canonical import JsonObject, digest_of
from mediator.inspection.expected import Expected
from mediator.inspection.judgement import Judgement, judge
from mediator.inspection.result import ToolResult
from mediator.wire.methods import CallMethod


def test_a_judgement_is_what_a_record_says_and_the_body_is_beside_it() -> None:
    """Ours: it is no evidence, and holds no text."""
    body: JsonObject = {"content": [], "isError": True, "_meta": {"traceparent": "x"}}
    result = ToolResult(result=body, error=None, size_bytes=50, noise=3)
    cleaned, judgement = judge(result, Expected(method=CallMethod.TOOL, bytes_max=50))
    assert cleaned == {"content": [], "isError": True}
    assert judgement == Judgement(
        is_protocol_error=False, is_error=True, body_digest=digest_of(cleaned), size_bytes=50, removed=1, noise=3
    )


def test_it_brings_along_no_pin_no_signature_and_no_key() -> None:
    """Ours: a process that inspects apart holds nothing worth taking, and starts quickly."""
    code = (
        "import sys, mediator.mediation.examination; "
        "print(*(name for name in ('mediator.manifest.pinned', 'mediator.identity', 'cryptography', 'anyio', 'asyncio')"
        " if name in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
