"""`mediator doctor`: what is wrong with this set-up, and how to mend it.

It changes nothing. Each check looks at one thing and goes on where another failed; a warning is a weakness that
works, an error is something that stops a command or a start.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import typer

from mediator.adapters.engine_cedar import Severity, check_policies, policy_set_digest
from mediator.adapters.tool_servers_stdio.held_files import Mismatch
from mediator.adapters.tool_servers_stdio.held_files import check as check_files
from mediator.assembly.drift import read_quarantined
from mediator.assembly.folder import Folder, find_file, read_file, read_operators, read_secret, read_settings
from mediator.assembly.folder import require_private as require_private_folder
from mediator.assembly.issuer_files import read_issuer_keys
from mediator.assembly.seen import Signed, refuse_older
from mediator.assembly.servers import promise_of
from mediator.assembly.tls import open_tls, read_server_certificate
from mediator.assembly.trust import ACTIVATION_FILE, item_facts, load_pin_set, read_policies, read_signer_trust
from mediator.assembly.workloads import WorkloadKeys
from mediator.canonical import Json
from mediator.cli.console import BAD, GOOD, NAME, WARN, counted, print_json, say
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, now_ms
from mediator.cli.keys import is_locked
from mediator.cli.reach import reaching
from mediator.edge.control import ask_control
from mediator.identity.dsse import PublicKey
from mediator.identity.statement import Act, verify_statement
from mediator.manifest.fields import write_moment
from mediator.manifest.floating import floating
from mediator.refusal import Refused
from mediator.settings.credentials import secrets_of
from mediator.settings.sections import ToolServerSettings
from mediator.settings.values import Literally, SecretReference

_SECRET_WORDS: Final = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL")

_SOON_MS: Final = 30 * 24 * 3600 * 1000


@unique
class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, and how to mend it."""

    level: Level
    what: str
    next_step: str


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """Say what is wrong with this set-up, and how to mend it; exit 1 if something stops it from working."""
    findings = list(findings_of(Folder(root=folder.resolve())))
    if as_json:
        print_json([_form(finding) for finding in findings])
    else:
        for finding in findings:
            say((f"{finding.level}: ", BAD if finding.level is Level.ERROR else WARN), finding.what)
            say((" next: ", NAME), finding.next_step)
        errors = sum(finding.level is Level.ERROR for finding in findings)
        found = f"{counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}"
        told = found if findings else "nothing is wrong"
        say((told, BAD if errors else WARN if findings else GOOD))
    if any(finding.level is Level.ERROR for finding in findings):
        raise typer.Exit(1)


def findings_of(folder: Folder) -> Iterator[Finding]:
    """Yield everything that is wrong."""
    yield from _tried(lambda: _state(folder), "see to it that it is a folder of yours alone")
    try:
        settings = read_settings(folder)
    except Refused as refused:
        yield _error(refused, "correct it, or run `mediator init` in an empty folder")
        return
    set_up = SetUp(folder=folder, settings=settings)
    for check, next_step in _CHECKS:
        yield from _tried(lambda check=check: check(set_up), next_step)  # type: ignore[misc]  # bound now, by its default


def _tried(check: Callable[[], Iterator[Finding]], next_step: str) -> Iterator[Finding]:
    try:
        yield from check()
    except Refused as refused:
        yield _error(refused, next_step)


def _state(folder: Folder) -> Iterator[Finding]:
    require_private_folder(folder.state)
    yield from ()


def _keys(set_up: SetUp) -> Iterator[Finding]:
    keys = set_up.folder.key_file("issuer").parent
    for path in sorted(keys.glob("*.pem")):
        try:
            read_secret(path)
        except Refused as refused:
            yield _error(refused, f"chmod 600 {path}")
            continue
        if path.stem.startswith(("operator-", "signer")) and not is_locked(path):
            yield _warning(
                f"`{set_up.shown(path)}` is unlocked: whoever runs as your user can sign with it",
                f"`mediator operator lock {path.stem.removeprefix('operator-')}`",
            )


def _issuer_keys(set_up: SetUp) -> Iterator[Finding]:
    read_issuer_keys(set_up.folder, read_operators(set_up.folder), now_ms())
    yield from ()


def _trust(set_up: SetUp) -> Iterator[Finding]:
    operators, at = read_operators(set_up.folder), now_ms()
    trust = read_signer_trust(set_up.folder, set_up.settings, operators, at)
    if trust.file.expires - at < _SOON_MS:
        ends = write_moment(trust.file.expires)
        yield _warning(f"the trust file ends at {ends}: from then on no tool exists", "`mediator trust renew`")
    root = set_up.folder.key_file("root")
    if root.exists():
        yield _warning(
            f"`{set_up.shown(root)}` says who may sign anything here, and lies where everything else does",
            "move it to a medium that is offline, and name it there with `--root FILE`",
        )


def _pins(set_up: SetUp) -> Iterator[Finding]:
    pins, problems = load_pin_set(set_up.folder, set_up.settings, read_operators(set_up.folder), now_ms())
    for problem in problems:
        tool = problem.server if problem.tool is None else f"{problem.server}/{problem.tool}"
        yield _warning(
            f"`{tool}` is approved, and not pinned: {problem.detail}", f"`mediator pin review {problem.server}`"
        )
    for server in sorted({tool.server for tool in pins}):
        if set_up.settings.find_tool_server(server) is None:
            yield _warning(
                f"`{server}` is pinned, but no `[[tool_server]]` says how to reach it",
                f"`mediator manifest import {server} --again` with `--command` or `--url`",
            )


def _quarantined(set_up: SetUp) -> Iterator[Finding]:
    pins, _ = load_pin_set(set_up.folder, set_up.settings, read_operators(set_up.folder), now_ms())
    for one in read_quarantined(set_up.folder, set_up.settings, pins):
        server, name = one.key.server, one.key.name
        yield _warning(
            f"`{server}/{name}` is quarantined since {write_moment(one.since_ms)}: {one.why}",
            f"`mediator drift check {server}`; only a new approval ends it",
        )


def _resting(set_up: SetUp) -> Iterator[Finding]:
    answered = ask_control(set_up.folder.control_socket, {"op": "status"})
    resting = {} if answered is None else answered["resting"]
    assert isinstance(resting, dict)  # `status`
    for server, left_ms in resting.items():
        yield _warning(
            f"`{server}` failed again and again, and is left alone for {left_ms} ms more",
            f"see whether it runs; `mediator drift check {server}` asks it",
        )


def _policies(set_up: SetUp) -> Iterator[Finding]:
    operators = read_operators(set_up.folder)
    texts = read_policies(set_up.policies)
    file = set_up.policies / ACTIVATION_FILE
    raw = find_file(file)
    statement = None if raw is None else verify_statement(raw, operators, Act.POLICY_ACTIVATE)
    if statement is not None:
        refuse_older(set_up.folder.state, Signed.POLICIES, statement.serial, file)
    if statement is None or statement.subject != {"digest": policy_set_digest(texts)}:
        yield Finding(
            level=Level.ERROR,
            what=f"the policies in `{set_up.shown(set_up.policies)}` are not in force as they stand",
            next_step="`mediator policy check`, then `mediator policy activate --operator WHO`; or undo the edit",
        )
    pins, _ = load_pin_set(set_up.folder, set_up.settings, operators, now_ms())
    for finding in check_policies(texts, [item_facts(item) for item in pins.items]):
        level = Level.ERROR if finding.severity is Severity.ERROR else Level.WARNING
        yield Finding(level=level, what=str(finding), next_step=finding.remedy)


def _agents(set_up: SetUp) -> Iterator[Finding]:
    for agent in set_up.settings.agents:
        path = set_up.folder.key_file("agent", agent.name)
        if agent.key is None or not path.exists():
            continue  # it proves itself elsewhere, or opens no session
        PublicKey.from_text(agent.key)
        if is_locked(path):
            yield _warning(f"`{set_up.shown(path)}` is locked: no session can open a task with it", "unlock it")


def _issuers(set_up: SetUp) -> Iterator[Finding]:
    for issuer in set_up.settings.issuers:
        if issuer.keys_file is not None:
            read_file(set_up.folder.root / issuer.keys_file)
    WorkloadKeys(root=set_up.folder.root).must_be_there(set_up.settings)
    if set_up.settings.local_issuer() is None:
        yield _warning("no `[[issuer]]` is local: `task open` and `stdio` can make no token", "add one: `local = true`")


def _tls(set_up: SetUp) -> Iterator[Finding]:
    server, at = set_up.settings.server, now_ms()
    if server.tls is None:
        return
    open_tls(set_up.folder, server.tls, at)
    certificate = read_server_certificate(set_up.folder, server.tls, at)
    if certificate.ends_ms - at < _SOON_MS:
        yield _warning(
            f"`{server.tls.certificate}` ends at {write_moment(certificate.ends_ms)}: from then on no agent connects",
            "have it issued anew, and start the mediator again",
        )
    if not certificate.is_for(server.own_host):
        yield _warning(
            f"`{server.tls.certificate}` is not for `{server.own_host}`, where agents look for the mediator",
            "have it issued for that name, or correct `public_url` under `[server]`",
        )


def _servers(set_up: SetUp) -> Iterator[Finding]:
    for server in set_up.settings.tool_servers:
        program = server.command[0] if server.command else None
        if program is not None and shutil.which(program) is None:
            yield Finding(
                level=Level.ERROR,
                what=f"`{server.name}`: there is no command `{program}`",
                next_step="install it, or correct the path in its `[[tool_server]]`",
            )
        references = [*server.environment.values(), *secrets_of(server.credential)]
        for reference in references:
            if isinstance(reference, SecretReference) and not _is_there(reference):
                yield Finding(
                    level=Level.ERROR,
                    what=f"`{server.name}`: `{reference}` is not there",
                    next_step="set it where the mediator is started, or correct the reference",
                )
        for name, value in server.environment.items():
            if isinstance(value, Literally) and any(word in name.upper() for word in _SECRET_WORDS):
                yield _warning(
                    f"`{server.name}`: `{name}` looks like a secret, and stands in the settings",
                    f'name where it is: `{name} = "env:{name}"`, or `file:/path`',
                )


def _programs(set_up: SetUp) -> Iterator[Finding]:
    pins, _ = load_pin_set(set_up.folder, set_up.settings, read_operators(set_up.folder), now_ms())
    for server in set_up.settings.tool_servers:
        if server.command is None:
            continue
        if (package := floating(server.command)) is not None:
            yield _warning(
                f"`{server.name}`: `{package}` has no exact version: another may run than was reviewed",
                f"`mediator manifest import {server.name} --again --command ...` installs it, and holds its files",
            )
        promise = promise_of(set_up.folder, server, pins.items_of_server(server.name))
        words = {name: value.text for name, value in server.environment.items() if isinstance(value, Literally)}
        wrong = check_files(server.command, words, str(set_up.folder.root / (server.cwd or ".")), promise)
        if isinstance(wrong, Mismatch):
            yield Finding(
                level=Level.ERROR,
                what=f"`{server.name}` is not started: {wrong}",
                next_step=f"find out who changed it; if it is good, {_anew(server)}",
            )


def _anew(server: ToolServerSettings) -> str:
    again = f"`mediator manifest import {server.name} --again"
    return f"{again}`" if server.installed is None else f"{again} --command ...`, which installs it anew"


def _reaching(set_up: SetUp) -> Iterator[Finding]:
    for reach in reaching(set_up):
        yield _warning(
            f"`{reach.server}` is told to work on `{reach.argument}`, which reaches `{reach.place}`",
            "let it work elsewhere: what it can write there decides what agents may do",
        )


_CHECKS: Final[Sequence[tuple[Callable[[SetUp], Iterator[Finding]], str]]] = (
    (_keys, "make the keys anew with `mediator operator add`"),
    (_issuer_keys, "put the file back as it was"),
    (_trust, "undo the edit, or let an operator accept it: `mediator operator add` signs it anew"),
    (_pins, "restore `pins.lock`: only `mediator pin approve` writes it"),
    (_quarantined, "put back a copy of the store, or move it away and open tasks anew"),
    (_resting, "`mediator serve` says more"),
    (_policies, "`mediator policy check` says more"),
    (_agents, "correct the `[[agent]]` in mediator.toml"),
    (_issuers, "correct the `[[issuer]]` or `[[workload_issuer]]` in mediator.toml"),
    (_tls, "correct `[server.tls]`"),
    (_servers, "correct the `[[tool_server]]`"),
    (_programs, "correct the `[[tool_server]]`"),
    (_reaching, "correct the `[[tool_server]]`"),
)


def _is_there(reference: SecretReference) -> bool:
    return bool(os.environ.get(reference.place)) if reference.kind == "env" else Path(reference.place).is_file()


def _error(refused: Refused, next_step: str) -> Finding:
    return Finding(level=Level.ERROR, what=refused.detail or str(refused.reason), next_step=refused.remedy or next_step)


def _warning(what: str, next_step: str) -> Finding:
    return Finding(level=Level.WARNING, what=what, next_step=next_step)


def _form(finding: Finding) -> Json:
    return {"level": finding.level.value, "what": finding.what, "next": finding.next_step}
