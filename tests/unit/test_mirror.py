"""Fails when a file of `mediator/` that holds code has no file of unit tests at the same place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]

EXCEPTIONS = MappingProxyType(
    {
        "mediator/__main__.py": "two lines; the conversations start it as a process",
        "mediator/cli/demo/": "a story told by real processes on real servers; `conversations/test_demo.py` runs it",
    }
)
"""What may stand without a mirror, and why. A folder's name ends in `/`."""


def holds_code(source: str) -> bool:
    """Tell whether a module does more than carry its docstring."""
    match ast.parse(source).body:
        case [] | [ast.Expr(value=ast.Constant())]:
            return False
        case _:
            return True


def mirror_of(module: PurePosixPath) -> PurePosixPath:
    """Return where a module's unit tests belong: `mediator/a/b.py` has `tests/unit/a/test_b.py`."""
    inside = module.relative_to("mediator")
    return PurePosixPath("tests/unit") / inside.with_name(f"test_{inside.stem.strip('_')}.py")


def modules_without_mirror() -> set[str]:
    modules = (
        PurePosixPath(path.relative_to(ROOT).as_posix())
        for path in (ROOT / "mediator").rglob("*.py")
        if holds_code(path.read_text(encoding="utf-8"))
    )
    return {str(module) for module in modules if not (ROOT / mirror_of(module)).is_file()}


def exception_for(module: str) -> str | None:
    """Return the entry of the table that lets this module go, the module's own before its folder's."""
    return next(
        (entry for entry in EXCEPTIONS if module == entry or (entry[-1] == "/" and module.startswith(entry))), None
    )


def test_every_module_with_code_has_its_unit_tests_at_the_same_place() -> None:
    """House style, part B: tests/unit mirrors mediator/ file by file."""
    missing = sorted(module for module in modules_without_mirror() if exception_for(module) is None)
    assert not missing, "no unit tests for: " + ", ".join(missing)


def test_no_exception_is_kept_longer_than_it_is_needed() -> None:
    """Ours: an entry that excuses nothing hides the next gap."""
    used = {exception_for(module) for module in modules_without_mirror()}
    assert set(EXCEPTIONS) <= used


def test_a_module_that_is_only_a_docstring_needs_no_tests() -> None:
    """Ours: folders say what they are for, and hold no code."""
    assert not holds_code('"""A folder."""\n')
    assert not holds_code("")
    assert holds_code('"""A module."""\n\nfrom __future__ import annotations\n')


def test_mirrors_stand_where_the_module_stands() -> None:
    """Ours."""
    assert mirror_of(PurePosixPath("mediator/policy/schema.py")) == PurePosixPath("tests/unit/policy/test_schema.py")
    assert mirror_of(PurePosixPath("mediator/__init__.py")) == PurePosixPath("tests/unit/test_init.py")
