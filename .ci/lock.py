"""Writes the locks: every version with its hashes, and no registry's address.

Run by `make lock`. The second lock is constrained by the first, so that one environment can hold both. It resolves for
the oldest Python that we support and relies on markers for the newer ones.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

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


compile_lock("runtime", "--extra=demo", "--build-deps-for=editable", "pyproject.toml")
compile_lock("dev", "--extra=dev", "--constraint=requirements/runtime.lock", "pyproject.toml")
compile_lock("demo-servers", "requirements/demo-servers.in")
