"""A recorded decision, judged again: the same values under the same trust come out the same (P8).

Pure. It needs the entry, the values kept apart (unless they were erased) and a snapshot with the recorded digests.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import Json, JsonObject
from mediator.identity.identify import recall_identity
from mediator.mediation.circumstances import parse_circumstances
from mediator.mediation.deliberate import Ids, Step, deliberate, unjudged, withdraw
from mediator.mediation.record import decision_entry
from mediator.mediation.resumption import recall_resumption
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from mediator.wire.call import recall_call

_PLACED: frozenset[str] = frozenset({"stream", "index", "prev"})  # what the ledger added


def replay(entry: JsonObject, values: JsonObject, snapshot: TrustSnapshot) -> JsonObject:
    """Return the entry that the same call leaves under this snapshot; equal to `recorded(entry)` if nothing moved.

    What stopped it from outside the judgement (a store that could not be read, an epoch that kept moving) is taken as
    recorded. Raises `Refused(MALFORMED)` where entry or values cannot be read, and `Refused(SNAPSHOT_TOO_OLD)` where the
    snapshot is not the recorded one: then an answer would say nothing.
    """
    if entry.get("trust") != snapshot.digests():
        raise Refused(Reason.SNAPSHOT_TOO_OLD, "the snapshot is not the one that the decision was made under")
    spans, now_ms, decision_id = _object(entry, "spans"), entry.get("at"), entry.get("id")
    if not isinstance(now_ms, int) or not isinstance(decision_id, str):
        raise Refused(Reason.MALFORMED, "a recorded decision without an id or a time")
    answers, why = values.get("answers"), values.get("justification")
    call = recall_call(
        _object(entry, "call"),
        _object(values, "arguments"),
        answers if isinstance(answers, dict) else None,
        why if isinstance(why, str) else None,
    )
    kept, asked = entry.get("resumes"), values.get("asked")
    resumes = recall_resumption(kept if isinstance(kept, dict) else None, asked if isinstance(asked, dict) else {})
    identity = recall_identity(_object(entry, "identity"))
    circumstances = parse_circumstances(_with_values(_object(entry, "circumstances"), _object(values, "grants")))
    ids = Ids(
        decision_id=decision_id,
        trace_id=str(spans.get("trace")),
        server_span=str(spans.get("server")),
        decision_span=str(spans.get("decision")),
        client_span=str(spans.get("client")),
    )
    if entry.get("step") == Step.NONE:
        deliberation = unjudged(
            call=call,
            identity=identity,
            snapshot=snapshot,
            circumstances=circumstances,
            now_ms=now_ms,
            ids=ids,
            stop=_stop(entry),
            resumes=resumes,
        )
    else:
        deliberation = deliberate(
            call=call,
            identity=identity,
            snapshot=snapshot,
            circumstances=circumstances,
            now_ms=now_ms,
            ids=ids,
            resumes=resumes,
        )
    if entry.get("step") == Step.COMMIT:
        deliberation = withdraw(deliberation, _stop(entry))
    return decision_entry(deliberation)


def recorded(entry: JsonObject) -> JsonObject:
    """Return a ledger entry without its place in the ledger: what `replay` is compared with."""
    return {key: value for key, value in entry.items() if key not in _PLACED}


def _stop(entry: JsonObject) -> Refused:
    """Return the stop that came from outside the judgement, as it was recorded: it cannot be judged again."""
    match entry:
        case {
            "reason": str(reason),
            "detail": str(detail),
            "sentence": None | str() as sentence,
            "remedy": None | str() as remedy,
        } if reason in set(Reason):
            return Refused(Reason(reason), detail, sentence=sentence, remedy=remedy)
        case _:
            raise Refused(Reason.MALFORMED, "a recorded stop cannot be read")


def _with_values(circumstances: JsonObject, kept: JsonObject) -> JsonObject:
    grants = circumstances.get("grants")
    if not isinstance(grants, list):
        raise Refused(Reason.MALFORMED, "recorded circumstances without grants")
    whole: list[Json] = []
    for grant in grants:
        if not isinstance(grant, dict):
            raise Refused(Reason.MALFORMED, "a recorded grant is not an object")
        whole.append({**grant, **_object(kept, str(grant.get("id")))})
    return {**circumstances, "grants": whole}


def _object(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    if not isinstance(value, dict):
        raise Refused(Reason.MALFORMED, f"`{name}` is missing from a recorded decision or its values")
    return value
