"""Writes the locks: every version with its hashes, and no registry's address.

Run by `make lock`. The second lock is constrained by the first, so that one environment can hold both. It resolves for
the oldest Python that we support and relies on markers for the newer ones.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

LOCKS = Path("requirements")
COMPILE = [
    sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe",
    "--resolver=backtracking", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host",
    "--no-emit-options",
]  # fmt: skip


def compile_lock(name: str, *arguments: str) -> None:
    """Resolve one lock and refuse to keep it if it names a registry."""
    lock = LOCKS / f"{name}.lock"
    subprocess.run([*COMPILE, "--output-file", str(lock), *sys.argv[1:], *arguments], check=True)
    text = lock.read_text(encoding="utf-8")
    if "://" in text or "--index-url" in text or "--find-links" in text:
        lock.unlink()
        sys.exit(f"{lock} named an address, and was not kept")
    lock.write_text(f"# Written by `make lock`; not by hand.\n{text}", encoding="utf-8")
    print(f"wrote {lock}")


def compile_node_lock(folder: Path) -> None:
    """Resolve one `package.json` for npm, where there is one, and leave every address out of its lock."""
    npm = shutil.which("npm")
    if npm is None:
        print(f"{folder}: there is no npm here, so its lock stays as it is")
        return
    install = [npm, "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts"]
    subprocess.run([*install, "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    lock = folder / "package-lock.json"
    resolved = json.loads(lock.read_text(encoding="utf-8"))
    for name, package in resolved["packages"].items():
        for talk in ("funding", "deprecated", "resolved"):  # whom to pay, what to use instead, where it once was
            package.pop(talk, None)
        if name and "integrity" not in package:
            sys.exit(f"`{name}` has no hash, and the lock was not kept")
    text = json.dumps(resolved, indent=2, ensure_ascii=False) + "\n"
    if "://" in text:
        lock.unlink()
        sys.exit(f"{lock} named an address, and was not kept")
    lock.write_text(text, encoding="utf-8")
    print(f"wrote {lock}")


compile_lock("runtime", "--extra=demo", "--build-deps-for=editable", "pyproject.toml")
compile_lock("dev", "--extra=dev", "--constraint=requirements/runtime.lock", "pyproject.toml")
compile_lock("demo-servers", "requirements/demo-servers.in")
compile_lock("real-servers", "requirements/real-servers.in")
compile_lock("real-servers-sdk1", "requirements/real-servers-sdk1.in")
compile_lock("security-harness", "requirements/security-harness.in")
compile_node_lock(Path("tests/conformance"))
compile_node_lock(Path("tests/real_servers"))
