"""What goes to a worker and comes back: a head in JSON, and a body of bytes that is a message as it is.

Sans-io. The two ends are of one version and of one house; the head that a worker sends is read strictly all the same, for
what it has read was not ours.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import struct
import sys
from typing import Final

from mediator.canonical import DEPTH_CEILING, Digest, Json, JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.inspection.judgement import Judgement
from mediator.inspection.written import Examined, Written
from mediator.mediation.dialect import Dialect
from mediator.mediation.examination import Examination
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import HearingLimits
from mediator.wire.methods import CallMethod, Era

LENGTHS: Final = struct.Struct(">IQ")  # of the head and of the body
HEAD_BYTES_MAX: Final = 64 * 1024  # of an answer: facts, and a refusal's detail
_DETAIL_MAX: Final = 4000  # characters, each of at most twelve bytes: of the longest that `manifest/misfit.py` tells
_QUESTION: Final = JsonLimits(bytes_max=sys.maxsize, depth_max=DEPTH_CEILING)  # ours: a pinned schema goes in it


def glance_head() -> bytes:
    """Return the question what a message is."""
    return b"{}"


def examine_head(examination: Examination) -> bytes:
    """Return the question whether an answer may leave, and as what."""
    dialect = examination.dialect
    return canonical_bytes(
        {
            "method": examination.method,
            "bytes_max": examination.bytes_max,
            "output_schema": examination.output_schema,
            "media_types": None if examination.media_types is None else [*examination.media_types],
            "noise": examination.noise,
            "id": dialect.request_id,
            "era": dialect.era.value,
            "asked": dialect.method,
            "identity": dialect.identity,
        }
    )


def read_question(head: bytes) -> Examination | None:
    """Return what an answer is held to; nothing where only a glance is asked for."""
    match parse_object(head, _QUESTION):
        case {
            "method": str(method),
            "bytes_max": int(bytes_max),
            "output_schema": dict() | None as schema,
            "media_types": list() | None as media_types,
            "noise": int(noise),
            "id": int() | str() | None as request_id,
            "era": str(era),
            "asked": str() | None as asked,
            "identity": dict(identity),
        }:
            return Examination(
                method=CallMethod(method),
                bytes_max=bytes_max,
                output_schema=schema,
                media_types=None if media_types is None else tuple(map(str, media_types)),
                noise=noise,
                dialect=Dialect(request_id=request_id, era=Era(era), method=asked, identity=identity),
            )
        case _:
            return None


def limits_words(hearing: HearingLimits) -> tuple[str, ...]:
    """Return the limits of reading as words of a command line."""
    return str(hearing.json_depth_max), str(hearing.json_values_max)


def read_limits(words: tuple[str, ...]) -> HearingLimits:
    """Return the limits of reading."""
    depth_max, values_max = map(int, words)
    return HearingLimits(json_depth_max=depth_max, json_values_max=values_max)


def glance_answer(glance: Glance) -> bytes:
    """Return what a message is."""
    return canonical_bytes({"sight": glance.sight, "id": glance.id, "code": glance.code})


def examined_answer(examined: Examined) -> bytes:
    """Return what is known of an answer that may leave; the reply itself is the body."""
    judgement: JsonObject = examined.judgement._asdict()
    return canonical_bytes({"judgement": judgement, "code": examined.written.code})


def refused_answer(refused: Refused) -> bytes:
    """Return why not."""
    return canonical_bytes({"refused": refused.reason, "detail": refused.detail[:_DETAIL_MAX]})


def failed_answer(bug: BaseException) -> bytes:
    """Return that a worker of ours is at fault."""
    return canonical_bytes({"refused": Reason.INTERNAL, "detail": ascii(bug)[:_DETAIL_MAX]})


def read_facts(head: bytes) -> JsonObject:
    """Return the head of an answer; raises `ValueError` where it is none."""
    try:
        return parse_object(head)
    except Refused as refused:
        raise _no_answer(refused.detail) from refused


def read_refusal(head: JsonObject) -> Refused | None:
    """Return the refusal, if it is one."""
    match head:
        case {"refused": str(reason), "detail": str(detail)}:
            return Refused(Reason(reason), detail)
        case _:
            return None


def read_glance(head: JsonObject) -> Glance:
    """Return what a message is; raises `ValueError` for anything else."""
    match head:
        case {"sight": str(sight), "id": int() | str() | None as answers, "code": int() | None as code}:
            return Glance(sight=Sight(sight), id=answers, code=code)
        case _:
            raise _no_answer(head)


def read_examined(head: JsonObject, body: bytes, dialect: Dialect) -> Examined:
    """Return what came of an answer; raises `ValueError` for anything else."""
    match head:
        case {
            "code": int() | None as code,
            "judgement": {
                "is_protocol_error": bool(is_protocol_error),
                "is_error": bool(is_error),
                "body_digest": str(digest),
                "size_bytes": int(size_bytes),
                "removed": int(removed),
                "noise": int(noise),
            },
        } if body:
            judgement = Judgement(
                is_protocol_error=is_protocol_error,
                is_error=is_error,
                body_digest=Digest(digest),
                size_bytes=size_bytes,
                removed=removed,
                noise=noise,
            )
            written = Written(raw=body, request_id=dialect.request_id, era=dialect.era, code=code)
            return Examined(judgement=judgement, written=written)
        case _:
            raise _no_answer(head)


def _no_answer(head: Json) -> ValueError:
    message = f"a worker's answer that is none: {ascii(head)[:200]}"
    return ValueError(message)
