"""What must hold of each line: of entries, that they form one chain and one story; of values, that they are the recorded.

Bytes in, findings out; no file is touched.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.adapters.ledger_segments.layout import FORM, GENESIS, LINE_LIMITS
from mediator.adapters.ledger_segments.reading import End, ends_of
from mediator.canonical import Digest, JsonObject, canonical_bytes, digest_of, digest_of_bytes, parse_object
from mediator.refusal import Refused


def line_of(raw: bytes) -> bytes | None:
    """Return the line without its line feed, or nothing where it lacks one."""
    return raw[:-1] if raw.endswith(b"\n") else None


class Entries:
    """The entries of one stream, in order; `ends` is what its first entry says of the streams before it."""

    def __init__(self, stream: str) -> None:
        self._stream: Final = stream
        self._index = 0
        self._seen: Final[set[str]] = set()
        self._arguments: dict[str, str] = {}
        self.head: Digest = GENESIS
        self.count = 0
        self.decisions = 0
        self.outcomes = 0
        self.is_closed = False
        self.ends: dict[str, End] = {}
        self.without_outcome: Final[dict[str, tuple[int, int]]] = {}

    def examine(self, line: bytes) -> list[str]:
        """Return what is wrong with the next entry; what follows is judged by what stands here, right or wrong."""
        expected, self.head = self.head, digest_of_bytes(line)
        self.count += 1
        try:
            entry = parse_object(line, LINE_LIMITS)
        except Refused as stop:
            self._index += 1
            return [f"cannot be read: {stop.detail}"]
        findings = []
        if canonical_bytes(entry) != line:
            findings.append("is not in RFC 8785 form")
        if entry.get("prev") != expected:
            findings.append("does not follow the line before it (`prev`)")
        if entry.get("stream") != self._stream:
            findings.append("belongs to another stream (`stream`)")
        if entry.get("index") != self._index:
            findings.append(f"stands at place {self._index} and says otherwise (`index`)")
        findings += self._tell(entry)
        self._index += 1
        return findings

    def take_arguments(self) -> dict[str, str]:
        """Return the digest of the arguments of each decision since this was asked last, by decision id."""
        taken, self._arguments = self._arguments, {}
        return taken

    def _tell(self, entry: JsonObject) -> list[str]:
        if self.is_closed:
            return ["follows the end of the stream"]
        match entry:
            case {"kind": "opened"}:
                return self._tell_opening(entry)
            case {"kind": _} if self._index == 0:
                return ["comes before the opening of the stream"]
            case {"kind": "closed"}:
                self.is_closed = True
                return []
            case {"kind": "decision"}:
                return self._tell_decision(entry)
            case {"kind": "outcome"}:
                return self._tell_outcome(entry)
            case {"kind": str(), "at": int()}:
                return []
            case _:
                return ["is no entry of ours"]

    def _tell_opening(self, entry: JsonObject) -> list[str]:
        self.ends = ends_of(entry)
        form = entry.get("form")
        findings = [] if form == FORM else [f"is of form {form!r:.20}, which this version does not know"]
        return findings if self._index == 0 else [*findings, "opens a stream that was open"]

    def _tell_decision(self, entry: JsonObject) -> list[str]:
        match entry:
            case {
                "id": str(decision_id),
                "at": int(at_ms),
                "verdict": "allow" | "deny" as verdict,
                "call": {"arguments": str(arguments)},
            }:
                pass
            case _:
                return ["is no decision of ours"]
        self.decisions += 1
        if decision_id in self._seen:
            return [f"decides `{decision_id}` a second time"]
        self._seen.add(decision_id)
        self._arguments[decision_id] = arguments
        if verdict == "allow":
            self.without_outcome[decision_id] = (self._index, at_ms)
        return []

    def _tell_outcome(self, entry: JsonObject) -> list[str]:
        match entry:
            case {"id": str(decision_id), "decision": {"stream": str(stream), "index": int(index)}}:
                pass
            case _:
                return ["is no outcome of ours"]
        self.outcomes += 1
        decision = self.without_outcome.pop(decision_id, None)
        if decision is None:
            return [f"is the outcome of `{decision_id}`, which was not allowed here or has one already"]
        if (stream, index) != (self._stream, decision[0]):
            return [f"misplaces the decision `{decision_id}`"]
        return []


class Values:
    """The values beside one segment."""

    def __init__(self, arguments: dict[str, str]) -> None:
        self._arguments: Final = arguments
        self.unclaimed = 0

    @property
    def missing(self) -> int:
        """How many decisions have no values here (any more)."""
        return len(self._arguments)

    def examine(self, line: bytes) -> list[str]:
        """Return what is wrong with the next line."""
        try:
            values = parse_object(line, LINE_LIMITS)
        except Refused as stop:
            return [f"cannot be read: {stop.detail}"]
        match values:
            case {"id": str(decision_id), "arguments": dict(arguments), "grants": dict()} if (
                canonical_bytes(values) == line
            ):
                pass
            case _:
                return ["is no line of values of ours"]
        recorded = self._arguments.pop(decision_id, None)
        if recorded is None:
            self.unclaimed += 1  # written before a decision that then could not be
            return []
        return (
            [] if digest_of(arguments) == recorded else [f"are not the arguments that `{decision_id}` was decided on"]
        )
