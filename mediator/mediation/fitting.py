"""Fitting: do the arguments of a call fit what is pinned, and do its headers say the same?

Pure. Arguments are a closed world: what the pin does not name is refused (design, part 4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, assert_never

from mediator.canonical import JsonObject, pointer_to
from mediator.manifest.pinned import PinnedItem, PinnedPrompt, PinnedResource, PinnedTool
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call
from mediator.wire.methods import CallMethod
from mediator.wire.param_headers import ANNOTATION, check_param_headers, declared_headers

_PARAM_HEADER: Final = ANNOTATION.encode()  # few tools declare any: the others cost one look at their bytes


def check_fit(call: Call, item: PinnedItem) -> None:
    """Return if the call fits; raises `Refused`: `ARGUMENTS_INVALID`, `HEADER_MISMATCH`."""
    match item:
        case PinnedTool():
            if call.method is CallMethod.TOOL and _PARAM_HEADER in item.shown(era_modern=True, own_name=True):
                check_param_headers(declared_headers(_input_schema(item)), call)
            item.schema.check_arguments(call.arguments)
        case PinnedPrompt():
            _check_prompt(call, item)
        case PinnedResource():
            _check_uri(call, item)
        case _:
            assert_never(item)


def prompt_arguments(item: PinnedPrompt) -> dict[str, bool]:
    """Return the arguments that a prompt declares, and whether each must be there."""
    declared = item.definition.get("arguments")
    found: dict[str, bool] = {}
    for entry in declared if isinstance(declared, list) else []:
        match entry:
            case {"name": str(name), "required": True}:
                found[name] = True
            case {"name": str(name)}:
                found[name] = False
            case _:
                pass
    return found


def _check_uri(call: Call, item: PinnedResource) -> None:
    if call.method is not CallMethod.COMPLETE and not item.family.covers(call.name):
        raise _unfit("/uri", "a URI, not a template")


def _check_prompt(call: Call, item: PinnedPrompt) -> None:
    declared = prompt_arguments(item)
    if call.method is CallMethod.COMPLETE:
        completed = call.arguments.get("argument")
        name = completed.get("name") if isinstance(completed, dict) else None
        if name not in declared:
            raise _unfit("/argument/name", "the name of an argument that the prompt declares")
        for known in _known_arguments(call):
            if known not in declared:
                raise _unfit(
                    pointer_to("context", "arguments", known), "the name of an argument that the prompt declares"
                )
        return
    for name in call.arguments:
        if name not in declared:
            raise _unfit(pointer_to("arguments", name), "no argument of this name: the prompt does not declare it")
    for name, is_required in declared.items():
        if is_required and name not in call.arguments:
            raise _unfit(pointer_to("arguments", name), "a string: the prompt requires it")


def _known_arguments(call: Call) -> JsonObject:
    """Return the arguments that a completion says are known already."""
    context = call.arguments.get("context")
    known = context.get("arguments") if isinstance(context, dict) else None
    return known if isinstance(known, dict) else {}


def _input_schema(tool: PinnedTool) -> JsonObject:
    schema = tool.definition["inputSchema"]
    assert isinstance(schema, dict)  # nothing else can be pinned
    return schema


def _unfit(where: str, expected: str) -> Refused:
    return Refused(Reason.ARGUMENTS_INVALID, f"{where}: expected {expected}", sentence=f"{where}: expected {expected}")
