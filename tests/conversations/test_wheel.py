"""The wheel that is built from this checkout: it holds all that its commands read, and works where nothing else is.

Nothing is fetched: the build backend is the one of the environment that the tests run in.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from mediator.canonical import parse_object

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
STARTER = {"policies": "mediator/_starter/policies", "tool_manifests": "mediator/_starter/tool_manifests"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it, without isolation."""
    into = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert built.returncode == 0, built.stderr
    (found,) = into.glob("*.whl")
    return found


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_what_init_copies_and_nothing_else(wheel: Path) -> None:
    """Ours: a file that is missing is found by whoever installs it, not by a test in a checkout."""
    with ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    package = {f"mediator/{name}" for name in files_below(ROOT / "mediator")}
    starter = {f"{there}/{name}" for folder, there in STARTER.items() for name in files_below(ROOT / folder)}
    assert held == package | starter
    assert "mediator/manifest/manifest.schema.json" in held
    assert "mediator/py.typed" in held
    assert any(name.startswith(STARTER["policies"]) and name.endswith(".cedar") for name in held)


def test_what_is_installed_makes_a_working_set_up(wheel: Path, tmp_path: Path) -> None:
    """Ours: `init`, the schema and the default policies with their cases, from the wheel alone."""
    site, work = tmp_path / "site", tmp_path / "work"
    with ZipFile(wheel) as opened:
        opened.extractall(site)

    def mediator(*words: str, here: Path = tmp_path) -> str:
        run = [sys.executable, "-P", "-m", "mediator", *words]
        environment = os.environ | {"PYTHONPATH": str(site)}
        ran = subprocess.run(
            run, cwd=here, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    where = "import mediator; print(mediator.__file__)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", where],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(site)

    mediator("init", str(work), "--operator", "you@example.com")
    mediator("policy", "check", here=work)
    mediator("policy", "test", here=work)
    assert parse_object(mediator("manifest", "schema").encode())["$id"] == "urn:mcp-mediator:manifest:1"
