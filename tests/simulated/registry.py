"""Registries on loopback: npm's, and a simple index (PEP 503), with small packages that are built when they are added.

    with a_registry() as registry:
        registry.npm("@demo/server", "1.0.0", {"server.js": JAVASCRIPT}, bin={"server": "server.js"})
        registry.pypi("demo-server", "1.0.0", {"demo.py": "..."}, scripts={"demo-server": "demo:main"})
        registry.environment(cache)       # what leads the real `npm` and `uv` to it, and to nothing else

It is as honest as the test wants: `replaced` puts other bytes behind an address, and what it says of them stays.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_LONG_AGO = (2020, 1, 1, 0, 0, 0)


class Registry:
    """Packages by name and version, files by address, and what was asked for."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self._files: dict[str, bytes] = {}
        self._npm: dict[str, dict[str, Any]] = {}
        self._pypi: dict[str, list[str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, cache: Path) -> dict[str, str]:
        """What the real tools are to see, beside what they see anyway; their caches are a test's own."""
        return {
            "npm_config_registry": f"{self.url}/npm/",
            "npm_config_cache": str(cache / "npm"),
            "npm_config_userconfig": str(cache / "no-user-npmrc"),
            "npm_config_globalconfig": str(cache / "no-global-npmrc"),
            "npm_config_fetch_retries": "0",
            "UV_DEFAULT_INDEX": f"{self.url}/simple/",
            "UV_CACHE_DIR": str(cache / "uv"),
            "UV_NO_CONFIG": "1",
            "UV_PYTHON": f"{sys.base_prefix}/bin/python3",  # the one that the tests run on, not the first on the PATH
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def npm(self, name: str, version: str, files: Mapping[str, str], **members: Any) -> str:
        """Publish a package; `members` go into its package.json. Returns its integrity."""
        manifest = {"name": name, "version": version, **members}
        raw = _tarball({"package.json": json.dumps(manifest), **files})
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(raw).digest()).decode()
        address = f"/npm/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self._files[address] = raw
        document = self._npm.setdefault(name, {"name": name, "dist-tags": {}, "versions": {}})
        dist = {"tarball": self.url + address, "integrity": integrity, "shasum": hashlib.sha1(raw).hexdigest()}
        document["versions"][version] = {**manifest, "dist": dist}
        document["dist-tags"]["latest"] = version
        return integrity

    def pypi(self, name: str, version: str, files: Mapping[str, str], scripts: Mapping[str, str]) -> str:
        """Publish a wheel for every Python. Returns its hash."""
        stem = f"{name.replace('-', '_')}-{version}"
        raw = _wheel(name, version, files, scripts)
        digest = hashlib.sha256(raw).hexdigest()
        address = f"/files/{stem}-py3-none-any.whl"
        self._files[address] = raw
        links = self._pypi.setdefault(name, [])
        links[:] = [one for one in links if address not in one]
        links.append(f'<a href="{address}#sha256={digest}">{stem}-py3-none-any.whl</a>')
        return f"sha256:{digest}"

    def replaced(self, end: str) -> None:
        """Put other bytes behind the one address that ends so: a package like it, and not it."""
        (address,) = (one for one in self._files if one.endswith(end))
        raw = self._files[address]
        self._files[address] = gzip.compress(gzip.decompress(raw) + b"\0" * 512) if end == ".tgz" else raw + b"\0"

    def find(self, path: str) -> tuple[str, bytes] | None:
        """Return the kind and the bytes of what stands at a path."""
        self.asked.append(path)
        if path in self._files:
            return "application/octet-stream", self._files[path]
        if path.startswith("/npm/") and (document := self._npm.get(path.removeprefix("/npm/"))) is not None:
            return "application/json", json.dumps(document).encode()
        if path.startswith("/simple/") and (links := self._pypi.get(path.split("/")[2])) is not None:
            page = "<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>"
            return "text/html", page.encode()
        return None


def _tarball(files: Mapping[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return raw.getvalue()


def _wheel(name: str, version: str, files: Mapping[str, str], scripts: Mapping[str, str]) -> bytes:
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    points = "".join(f"{script} = {where}\n" for script, where in scripts.items())
    written = {
        **files,
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/entry_points.txt": f"[console_scripts]\n{points}",
    }
    record = "".join(f"{path},{_record(text)}\n" for path, text in written.items()) + f"{folder}/RECORD,,\n"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for path, text in {**written, f"{folder}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path, _LONG_AGO), text)
    return raw.getvalue()


def _record(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(text.encode())}"


@contextmanager
def a_registry() -> Iterator[Registry]:
    """Run both for as long as the context lasts."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            found = registry.find(unquote(self.path))
            kind, body = found or ("text/plain", b"not here")
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
