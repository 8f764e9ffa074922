"""A package of npm or PyPI, from its registry to a call: installed once, listed, and held to that before each start.

Both tools are the real ones (`npm`, and `uv` from `.venv-servers`); the registries are on loopback and the packages are
built here. An operator types; nothing that a package brings runs before the server is started.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.held_files import Mismatch
from mediator.adapters.tool_servers_stdio.held_files import check as check_files
from mediator.assembly.pending import keep_publication
from mediator.assembly.servers import introduce, promise_of
from mediator.canonical import digest_of_bytes, parse_object
from mediator.cli.folder import SetUp, open_set_up
from mediator.identity.dsse import parse_envelope
from mediator.manifest.file_list import parse_file_list
from tests.promises import promise
from tests.simulated import stdio_server
from tests.simulated.commands import OPERATOR, Commands, content_of
from tests.simulated.publishers import now_ms, published, trusting
from tests.simulated.registry import Registry, a_registry
from tests.simulated.stdio_server import Process, Script, tool, write_script

ROOT = Path(__file__).resolve().parents[2]
UVX = ROOT / ".venv-servers" / "bin" / "uvx"
MARKER = "require('fs').writeFileSync(process.env.npm_package_json + '.ran', '')"
SERVER_JS = """#!/usr/bin/env node
const word = require("demo-words");
const tools = [{ name: "now", description: word, inputSchema: { type: "object", properties: {} },
  annotations: { readOnlyHint: true } }];
const answers = {
  initialize: (p) => ({ protocolVersion: p.protocolVersion, capabilities: { tools: {} },
    serverInfo: { name: "demo", version: "1" } }),
  "tools/list": () => ({ tools }),
  "tools/call": () => ({ content: [{ type: "text", text: process.argv.slice(2).join(" ") }] }),
};
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const answer = answers[method];
  const told = answer ? { result: answer(params) } : { error: { code: -32601, message: "no" } };
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, ...told }) + "\\n");
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An operator's set-up, the registries that its tools are led to, and how each runner is called."""

    work: Path
    registry: Registry
    npx: str | None
    uvx: str
    script: Path

    @property
    def set_up(self) -> SetUp:
        return open_set_up(self.work)

    def server(self) -> dict[str, Any]:
        manifest = json.loads((self.work / "tool_manifests" / "demo" / "manifest.json").read_bytes())
        found = manifest["server"]
        assert isinstance(found, dict)
        return found

    def publish_npm(self, version: str = "1.0.0") -> str:
        """Publish the npm server, which stands on another package, and would run scripts if it were let."""
        if self.npx is None:
            pytest.skip("there is no npm: install Node.js")
        self.registry.npm("demo-words", "1.0.0", {"index.js": 'module.exports = "Tells the time.";\n'})
        return self.registry.npm(
            "@demo/server",
            version,
            {"server.js": SERVER_JS, "more.js": ""},
            bin={"demo-server": "server.js"},
            dependencies={"demo-words": "^1.0.0"},
            scripts={"preinstall": f'node -e "{MARKER}"', "postinstall": f'node -e "{MARKER}"'},
        )

    def publish_pypi(self, version: str = "1.0.0") -> str:
        source = Path(stdio_server.__file__).read_text(encoding="utf-8")
        return self.registry.pypi(
            "demo-server", version, {"demo_server.py": source}, {"demo-server": "demo_server:main"}
        )

    def offered(self) -> list[str]:
        """Start what stands in the settings, held to nothing, and return the names of its tools."""
        set_up = self.set_up
        server = set_up.settings.find_tool_server("demo")
        assert server is not None
        introduction = anyio.run(introduce, set_up.folder, set_up.settings, server)
        return [str(one["name"]) for one in introduction.tools]

    def wrong(self) -> Mismatch | None:
        """What a start would be refused for."""
        set_up = self.set_up
        server = set_up.settings.find_tool_server("demo")
        assert server is not None
        assert server.command is not None
        found = check_files(server.command, {}, str(self.work), promise_of(set_up.folder, server, ()))
        return found if isinstance(found, Mismatch) else None

    def is_whole(self) -> bool:
        """Tell whether the list names each file of the folder, with its digest, and no other."""
        listed = parse_file_list((self.work / "tool_servers.d" / "demo.sha256").read_bytes())
        server = self.set_up.settings.find_tool_server("demo")
        assert server is not None
        assert server.installed is not None
        there = {
            str(path.relative_to(self.work)): digest_of_bytes(path.read_bytes())
            for path in (self.work / server.installed).rglob("*")
            if path.is_file() and not any(up.is_symlink() for up in path.parents)
        }
        return listed == there


@pytest.fixture
def mediator(capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands, typed in the current folder."""
    return Commands(capsys)


@pytest.fixture
def desk(tmp_path: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A new set-up, and registries with nothing in them."""
    assert UVX.is_file(), "`make test` installs uv into .venv-servers"
    work = tmp_path / "work"
    mediator.well("init", str(work), "--operator", OPERATOR)
    monkeypatch.chdir(work)
    script = tmp_path / "script.json"
    write_script(script, Script(tools=[tool("now", annotations={"readOnlyHint": True})], era="legacy"), Process())
    for name in [one for one in os.environ if one.lower().startswith(("npm_config_", "uv_"))]:
        monkeypatch.delenv(name)
    with a_registry() as registry:
        for name, value in registry.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield Desk(work=work, registry=registry, npx=shutil.which("npx"), uvx=str(UVX), script=script)


def import_npm(desk: Desk, what: str = "@demo/server", *more: str) -> tuple[str, ...]:
    return ("manifest", "import", "demo", "--command", f"{desk.npx} -y {what} --loud", "--yes", *more)


def import_pypi(desk: Desk, what: str = "demo-server", *more: str) -> tuple[str, ...]:
    return ("manifest", "import", "demo", "--command", f"{desk.uvx} {what} --script {desk.script}", "--yes", *more)


@promise("P2")
def test_an_npm_package_is_written_down_by_version_and_integrity_and_installed(desk: Desk, mediator: Commands) -> None:
    """Issue 3: `import` resolves npx packages to version and integrity, and writes that; no script of it has run."""
    integrity = desk.publish_npm()

    ran = mediator.well(*import_npm(desk))

    (package,) = desk.server()["packages"]
    transport = {"type": "stdio"}
    assert package == {
        "registryType": "npm",
        "identifier": "@demo/server",
        "version": "1.0.0",
        "integrity": integrity,
        "transport": transport,
    }
    server = desk.set_up.settings.find_tool_server("demo")
    assert server is not None
    assert server.command is not None
    home = desk.work / "packages" / "demo" / "1.0.0"
    script = home / "node_modules" / "@demo" / "server" / "server.js"
    assert (Path(server.command[0]).name, server.command[1:]) == ("node", (str(script), "--loud"))
    assert (server.lock_file, server.installed) == ("tool_servers.d/demo.sha256", "packages/demo/1.0.0")
    assert (server.executable_digest, server.lock_digest) == (
        desk.server()["executable_digest"],
        desk.server()["lock_digest"],
    )
    assert f"installed @demo/server 1.0.0 ({integrity})" in ran.out
    assert list(desk.work.rglob("*.ran")) == []
    assert [one.name for one in (desk.work / "packages" / "demo").iterdir()] == ["1.0.0"]
    assert (desk.is_whole(), desk.wrong(), desk.offered()) == (True, None, ["now"])


@promise("P2")
def test_a_pypi_package_is_written_down_by_version_and_hash_and_installed(desk: Desk, mediator: Commands) -> None:
    """Issue 3: the same for uvx; starting it leaves no file behind that was not listed."""
    digest = desk.publish_pypi()

    mediator.well(*import_pypi(desk))

    (package,) = desk.server()["packages"]
    assert package == {
        "registryType": "pypi",
        "identifier": "demo-server",
        "version": "1.0.0",
        "hashes": [digest],
        "transport": {"type": "stdio"},
    }
    server = desk.set_up.settings.find_tool_server("demo")
    assert server is not None
    program = desk.work / "packages" / "demo" / "1.0.0" / "venv" / "bin" / "demo-server"
    assert server.command == (str(program), "--script", str(desk.script))
    assert list(server.environment) == ["PYTHONDONTWRITEBYTECODE"]
    assert (desk.offered(), desk.is_whole(), desk.wrong()) == (["now"], True, None)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a changed module": lambda home: (home / "node_modules/demo-words/index.js").write_text("module.exports = 1;"),
    "one more module": lambda home: (home / "node_modules/demo-words/evil.js").write_text(""),
    "a module less": lambda home: (home / "node_modules/@demo/server/more.js").unlink(),
    "a list that lists it": lambda home: (home / "../../../tool_servers.d/demo.sha256").write_text(f"{'0' * 64}  x\n"),
}


@promise("P2", "P7")
def test_a_file_that_is_not_as_it_was_installed_refuses_the_start(desk: Desk, mediator: Commands) -> None:
    """Issue 3: digests that are checked before it is spawned; of what it needs, too."""
    desk.publish_npm()
    mediator.well(*import_npm(desk))
    mediator.well("manifest", "sign", "demo", "--accept-proposed")
    mediator.well("pin", "approve", "demo", "--reviewer", OPERATOR)
    mediator.well("drift", "check", "demo")  # it is started for that, held to its files
    home = desk.work / "packages" / "demo" / "1.0.0"
    kept = desk.work.parent / "kept"
    shutil.copytree(desk.work, kept, symlinks=True)

    told: dict[str, bool] = {}
    for name, change in CHANGES.items():
        change(home)
        why = mediator("drift", "check", "demo", "--json").printed["servers"]["demo"]["unreachable"]
        told[name] = (
            "is not what was reviewed" in str(why)
            and "--command ...`, which installs it anew" in mediator("doctor").out
        )
        shutil.rmtree(home)
        shutil.copytree(kept / "packages" / "demo" / "1.0.0", home, symlinks=True)
        shutil.copy(kept / "tool_servers.d" / "demo.sha256", desk.work / "tool_servers.d")

    assert told == dict.fromkeys(CHANGES, True)
    mediator.well("drift", "check", "demo")


TAMPERED: dict[str, tuple[Callable[[Desk], str], Callable[..., tuple[str, ...]], str]] = {
    "npm": (Desk.publish_npm, import_npm, "server-1.0.0.tgz"),
    "what an npm package needs": (Desk.publish_npm, import_npm, "demo-words-1.0.0.tgz"),
    "PyPI": (Desk.publish_pypi, import_pypi, ".whl"),
}


@promise("P2", "P7")
@pytest.mark.parametrize(("publish", "line", "file"), TAMPERED.values(), ids=TAMPERED)
def test_a_package_whose_bytes_were_changed_on_the_way_is_not_installed(
    publish: Callable[[Desk], str], line: Callable[..., tuple[str, ...]], file: str, desk: Desk, mediator: Commands
) -> None:
    """Issue 3: by integrity; and nothing is left of it."""
    publish(desk)
    desk.registry.replaced(file)
    before = content_of(desk.work)

    error = mediator(*line(desk)).err

    assert error.startswith("error: `")
    assert " next: " in error
    assert "this is a bug" not in error
    assert content_of(desk.work) == before
    assert not (desk.work / "packages").exists()


@promise("P7")
def test_what_cannot_be_resolved_is_refused_and_leaves_nothing(desk: Desk, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    desk.publish_npm()
    desk.publish_pypi()
    desk.registry.npm("with-a-folder", "1.0.0", {}, bin="x.js", dependencies={"x": "file:./x"})
    desk.registry.npm("two", "1.0.0", {"a.js": "", "b.js": ""}, bin={"a": "a.js", "b": "b.js"})
    desk.registry.npm("shell", "1.0.0", {"a.sh": "#!/bin/sh\n"}, bin={"shell": "a.sh"})
    desk.registry.npm("library", "1.0.0", {"index.js": ""})
    desk.registry.npm("away", "1.0.0", {}, bin={"away": "gone.js"})
    before = content_of(desk.work)

    told = {
        "nobody-has-this": "`npm` could not",
        "@demo/server@9": "`npm` could not",
        "with-a-folder": "`node_modules/with-a-folder/x` comes from elsewhere than a registry, and has no integrity",
        "two": "it has no program `two`; there is `a`, `b`",
        "shell": "`a.sh` is run by `#!/bin/sh`, and not by node",
        "library": "it has no program `library`; there is none",
        "away": "its program `away` is not in it",
    }
    for package, why in told.items():
        assert why in mediator(*import_npm(desk, package)).err
    for package, why in {
        "none-such": "`uv` could not",
        "--from demo-server other": "it has no program `other`",
    }.items():
        assert why in mediator(*import_pypi(desk, package)).err
    assert content_of(desk.work) == before


@promise("P2")
def test_an_upgrade_is_installed_beside_the_old_one_and_shown(desk: Desk, mediator: Commands) -> None:
    """Ours: a process may still run out of the old folder. The same version again has a folder of its own, too."""
    desk.publish_npm("1.0.0")
    mediator.well(*import_npm(desk))
    mediator.well("manifest", "sign", "demo", "--accept-proposed")
    mediator.well("pin", "approve", "demo", "--reviewer", OPERATOR)
    integrity = desk.publish_npm("1.1.0")

    mediator.well("manifest", "import", "demo", "--again", "--yes")
    assert [one["version"] for one in desk.server()["packages"]] == ["1.0.0"]
    mediator.well(*import_npm(desk, "@demo/server@^1", "--again"))
    mediator.well("manifest", "sign", "demo")
    said = " ".join(mediator.well("pin", "review", "demo").out.split())

    assert f"its package: identifier @demo/server, integrity {integrity}" in said
    assert "version 1.0.0 -> " in said
    mediator.well(*import_npm(desk, "-- @demo/server", "--again"))
    assert sorted(one.name for one in (desk.work / "packages" / "demo").iterdir()) == ["1.0.0", "1.1.0", "1.1.0-2"]
    assert (desk.is_whole(), desk.wrong()) == (True, None)


def publish_manifest(desk: Desk, **server: Any) -> None:
    """Let an owner publish a manifest of the demo's tool, with these members of `server`."""
    trusting(desk.work, {"files": "io.example/"})
    plain = parse_object(parse_envelope(published("io.example/demo")).payload)["server"]
    assert isinstance(plain, dict)
    keep_publication(
        desk.set_up.folder,
        "io.example/demo",
        published("io.example/demo", server={**plain, **server}),
        "192.0.2.7",
        now_ms(),
    )


def take_npm(desk: Desk, what: str = "@demo/server") -> tuple[str, ...]:
    return ("manifest", "take", "io.example/demo", "--command", f"{desk.npx} -y {what}")


def signed_package(**members: Any) -> dict[str, Any]:
    return {"registryType": "npm", "identifier": "@demo/server", "version": "1.0.0", **members}


@promise("P2", "P3")
def test_what_is_taken_is_the_version_and_the_bytes_that_its_owner_signed(desk: Desk, mediator: Commands) -> None:
    """Issue 3: what is reviewed is what runs, on the operator's side of a published manifest, too."""
    integrity = desk.publish_npm("1.0.0")
    desk.publish_npm("1.1.0")
    publish_manifest(desk, packages=[signed_package(integrity=integrity)])

    assert "its owner signed 1.0.0" in mediator.refused(*take_npm(desk, "@demo/server@1.1.0"))
    said = mediator.well(*take_npm(desk)).out

    assert "installed @demo/server 1.0.0" in said
    assert "another here" not in said
    assert (desk.is_whole(), desk.wrong(), desk.offered()) == (True, None, ["now"])


@promise("P2", "P7")
def test_other_bytes_than_its_owner_signed_are_not_taken(desk: Desk, mediator: Commands) -> None:
    """Ours: a registry that gives another package under the same name and version, with an integrity that fits."""
    desk.publish_npm("1.0.0")
    publish_manifest(desk, packages=[signed_package(integrity="sha512-AAAA")])

    error = mediator.refused(*take_npm(desk))

    assert "and its owner signed sha512-AAAA" in error
    assert not (desk.work / "packages").exists()
    assert not (desk.work / "tool_manifests" / "demo").exists()


@promise("P2", "P7")
def test_a_wheel_that_its_owner_did_not_sign_is_not_taken(desk: Desk, mediator: Commands) -> None:
    """Ours: as above, for PyPI."""
    digest = desk.publish_pypi()
    line = ("manifest", "take", "io.example/demo", "--command", f"{desk.uvx} demo-server --script {desk.script}")
    entry = {"registryType": "pypi", "identifier": "Demo.Server", "version": "1.0.0"}
    publish_manifest(desk, packages=[{**entry, "hashes": [f"sha256:{'0' * 64}"]}])

    assert f"a file of {digest}, which its owner did not sign" in mediator.refused(*line)
    publish_manifest(desk, packages=[{**entry, "hashes": [digest]}])
    mediator.well(*line)
    assert (desk.offered(), desk.wrong()) == (["now"], None)
