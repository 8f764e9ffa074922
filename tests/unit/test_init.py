"""The package's own exports.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mediator
from mediator.settings.sections import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_package_exports_what_an_embedder_needs() -> None:
    """docs/architecture.md: the mediator itself, its settings, and the version."""
    assert mediator.Settings is Settings
    assert getattr(mediator, "Mediator").__name__ == "Mediator"  # noqa: B009 - mypy does not see what is exported lazily


def test_nothing_else_is_exported() -> None:
    """Ours."""
    with pytest.raises(AttributeError, match="`Nothing`"):
        getattr(mediator, "Nothing")  # noqa: B009 - as above


def test_importing_the_package_imports_no_room() -> None:
    """House style 6: re-exports are lazy, so that a command is quick and the import contract is true."""
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, mediator; print(sorted(name for name in sys.modules if 'mediator' in name))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "['mediator']"


def test_the_version_stands_in_one_place() -> None:
    """Ours: the distribution takes its version from the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert mediator.__version__.count(".") == 2
