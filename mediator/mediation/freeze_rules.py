"""Rules by which somebody is stopped without anybody at hand: what happened, how often, and who is stopped for it.

Pure: it says what a rule comes to; the freeze is made, and put on record, elsewhere. The grammar is closed:

    WHAT [> NUMBER in SECONDSs] of WHOM
    denials > 20 in 60s of agent
    loop of task
    budget mails of owner
    drift of server

WHAT is `denials`, `loop`, `drift` or `budget NAME`; WHOM says which name is frozen: of who acted, or of what was asked for.
What is refused because it is frozen already, waits for a person's approval, or lacks something of ours, is nobody's denial.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mediator.mediation.deliberate import Deliberation
from mediator.mediation.quarantine import Quarantined
from mediator.mediation.spending import find_budget
from mediator.refusal import Reason, Refused

MORE_MAX: Final = 1000
WITHIN_MAX: Final = 86_400
EVIDENCE_MAX: Final = 32  # of what tripped a rule, the latest
WATCHED_MAX: Final = 10_000  # names that something was seen of, by rule
_MS: Final = 1000
_DRIFT: Final = "drift"
_RULE: Final = re.compile(
    r"(?P<what>denials|loop|drift|budget [a-z0-9][a-z0-9-]{0,31})"
    r"(?: > (?P<more>0|[1-9][0-9]{0,3}) in (?P<within>[1-9][0-9]{0,4})s)?"
    r" of (?P<whom>agent|class|owner|task|key|server|tool|everything)"
)
_OFFERED: Final = frozenset({"server", "tool", "everything"})
_NOBODYS: Final = frozenset(
    {
        Reason.FROZEN,
        Reason.APPROVAL_REQUIRED,
        Reason.TRY_AGAIN,
        Reason.INTERNAL,
        Reason.OVERLOADED,
        Reason.LEDGER_UNAVAILABLE,
        Reason.STORE_UNAVAILABLE,
        Reason.SNAPSHOT_TOO_OLD,
        Reason.TOOL_SERVER_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeRule:
    """What is looked for; `text` is the rule as it was signed, and its name."""

    text: str
    what: str
    more_than: int
    within_ms: int
    whom: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that rules look for: what, under which names there is somebody to stop, and where it is on record."""

    whats: frozenset[str]
    names: Mapping[str, str]
    evidence: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tripped:
    """A rule that held: who is to be stopped, and what showed it, oldest first."""

    rule: FreezeRule
    name: str
    evidence: tuple[str, ...]


def parse_freeze_rule(text: str) -> FreezeRule:
    """Return the rule; raises `Refused(MALFORMED)` saying what one looks like."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise _malformed(f"`{text[:64]}` is no rule: write `WHAT [> NUMBER in SECONDSs] of WHOM`")
    what, whom = match["what"], match["whom"]
    more_than, within_seconds = int(match["more"] or 0), int(match["within"] or 1)
    if what == "denials" and match["more"] is None:
        raise _malformed("`denials` are counted: write `denials > NUMBER in SECONDSs of WHOM`")
    if what == _DRIFT and whom not in _OFFERED:
        raise _malformed("`drift` is of a `server`, a `tool`, or of `everything`")
    if more_than > MORE_MAX or within_seconds > WITHIN_MAX:
        raise _malformed(f"a rule counts up to {MORE_MAX}, in at most {WITHIN_MAX}s")
    return FreezeRule(text=text, what=what, more_than=more_than, within_ms=within_seconds * _MS, whom=whom)


def happening_of(denial: Deliberation) -> Happening | None:
    """Return what a denial is to the rules; None where it is nobody's doing."""
    stop, grants, item = denial.stop, denial.circumstances.grants, denial.item
    if stop is None or stop.reason in _NOBODYS or not grants:
        return None
    whats = {"denials"}
    if stop.reason is Reason.LOOP_DETECTED:
        whats.add("loop")
    if (budget := find_budget(stop)) is not None:
        whats.add(f"budget {budget}")
    who = grants[-1]
    names = {
        "everything": "everything",
        "agent": f"agent:{who.agent}",
        "class": f"class:{who.agent_class}",
        "owner": f"owner:{who.owner}",
        "task": f"task:{who.root}",
    }
    if who.keyid is not None:
        names["key"] = f"key:{who.keyid}"
    if item is not None:
        names |= {"server": f"server:{item.server}", "tool": f"{item.kind}:{item.server}/{item.name}"}
    return Happening(whats=frozenset(whats), names=names, evidence=denial.ids.decision_id, at_ms=denial.now_ms)


def happening_of_drift(held: Quarantined, evidence: str) -> Happening:
    """Return what it is to the rules that something is not offered as pinned any more."""
    key = held.key
    names = {
        "everything": "everything",
        "server": f"server:{key.server}",
        "tool": f"{key.kind}:{key.server}/{key.name}",
    }
    return Happening(whats=frozenset({_DRIFT}), names=names, evidence=evidence, at_ms=held.since_ms)


@dataclass(slots=True)
class Tripwires:
    """Counts what happens, for each rule and name, as far back as the rule looks; from the start of the process on."""

    _rules: tuple[FreezeRule, ...] = ()
    _seen: dict[tuple[str, str], deque[tuple[int, str]]] = field(default_factory=dict, repr=False)

    def put(self, rules: Iterable[FreezeRule]) -> None:
        """Have these rules looked for, and no others; what was seen for those that stay is kept."""
        self._rules = tuple(rules)
        texts = {rule.text for rule in self._rules}
        self._seen = {key: seen for key, seen in self._seen.items() if key[0] in texts}

    def observe(self, happening: Happening) -> tuple[Tripped, ...]:
        """Return the rules that hold now; each begins to count anew then."""
        tripped = []
        for rule in self._rules:
            name = happening.names.get(rule.whom)
            if rule.what in happening.whats and name is not None:
                seen = self._seen_of(rule, name)
                seen.append((happening.at_ms, happening.evidence))
                if len(seen) > rule.more_than and happening.at_ms - seen[0][0] <= rule.within_ms:
                    evidence = tuple(one for _, one in seen)[-EVIDENCE_MAX:]
                    tripped.append(Tripped(rule=rule, name=name, evidence=evidence))
                    del self._seen[rule.text, name]
        return tuple(tripped)

    def _seen_of(self, rule: FreezeRule, name: str) -> deque[tuple[int, str]]:
        seen = self._seen.pop((rule.text, name), None) or deque(maxlen=rule.more_than + 1)
        while len(self._seen) >= WATCHED_MAX:
            del self._seen[next(iter(self._seen))]  # of whom nothing was seen for the longest time
        self._seen[rule.text, name] = seen
        return seen


def _malformed(detail: str) -> Refused:
    remedy = "as in `denials > 20 in 60s of agent`, `loop of task`, `budget mails of owner` or `drift of server`"
    return Refused(Reason.MALFORMED, detail, remedy=remedy)
