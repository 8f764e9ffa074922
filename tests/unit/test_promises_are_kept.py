"""Ties promises and tests both ways, by reading the tests' source: it works whichever tests are run.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promises import NOT_YET, PROMISES, promise

TESTS = Path(__file__).resolve().parents[1]


def promises_held(source: str) -> Iterator[str]:
    """Yield each id that a test in this source is marked with, by decorator or by the file's `pytestmark`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.FunctionDef(name=name, decorator_list=marks) | ast.AsyncFunctionDef(name=name, decorator_list=marks)
            ) if name.startswith("test_"):
                pass
            case ast.ClassDef(name=name, decorator_list=marks) if name.startswith("Test"):
                pass
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=ast.List(elts=marks)):
                pass
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=mark):
                marks = [mark]
            case _:
                continue
        for mark in marks:
            match mark:
                case ast.Call(func=ast.Name(id="promise"), args=arguments):
                    yield from (ast.literal_eval(argument) for argument in arguments)
                case _:
                    continue


def promises_held_by_all_tests() -> set[str]:
    return {
        held
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__).resolve()
        for held in promises_held(path.read_text(encoding="utf-8"))
    }


def test_every_promise_is_held_by_a_test_or_says_when_it_will_be() -> None:
    """Ours: a promise that no test holds is a wish."""
    without_a_test = set(PROMISES) - promises_held_by_all_tests()
    assert sorted(without_a_test) == sorted(NOT_YET)


def test_every_mark_names_a_promise() -> None:
    """Ours."""
    assert promises_held_by_all_tests() <= set(PROMISES)


def test_a_promise_has_an_owner_and_a_sentence() -> None:
    """Ours."""
    for held in PROMISES.values():
        assert held.name
        assert held.source
        assert held.sentence.endswith(".")
    assert all(NOT_YET.values())


@pytest.mark.parametrize("ids", [(), ("P0",), ("P1", "P13")])
def test_a_mark_for_no_promise_cannot_be_made(ids: tuple[str, ...]) -> None:
    """Ours: a typing error must not look like a kept promise."""
    with pytest.raises(ValueError, match="no such promise"):
        promise(*ids)


def test_marks_are_found_on_functions_classes_and_files() -> None:
    """Ours: what this check cannot see, it would report as missing."""
    source = """
pytestmark = promise("P1")
pytestmark = [pytest.mark.corpus, promise("P2", "P3")]

@promise("P4")
def test_one(): ...

@other
@promise("P5")
async def test_two(): ...

@promise("P6")
class TestThree:
    @promise("P7")
    def test_four(self): ...

@promise("P8")
def not_a_test(): ...
"""
    assert sorted(promises_held(source)) == ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
