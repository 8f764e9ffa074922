"""Set-ups for the tests of the assembly: as `mediator init` leaves them, copied and never shared.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, open_folder
from mediator.cli.main import run
from tests.simulated.opened import OTHER
from tests.simulated.running import OWNER


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: a set-up with two operators, and spans off."""
    root = tmp_path_factory.mktemp("fresh") / "work"
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        assert run(["init", str(root), "--operator", OWNER]) == 0, said.getvalue()
        assert run(["operator", "add", OTHER, "--folder", str(root)]) == 0, said.getvalue()
    file = root / "mediator.toml"
    text = file.read_text().replace("# enabled = true", "enabled = false")
    assert "\nenabled = false" in text
    file.write_text(text)
    return root


@pytest.fixture
def home(fresh: Path, tmp_path: Path) -> Folder:
    """A set-up of one's own."""
    shutil.copytree(fresh, tmp_path / "work")
    return open_folder(tmp_path / "work")
