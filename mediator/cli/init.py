"""`mediator init`: a working set-up in an empty folder, or nothing at all.

It makes the root key of the trust file, two people's keys (a signer of manifests and an operator, for no key reviews what
it signed), the local issuer, one agent's profile that reads, and puts the default policies in force with the operator's own statement.
Everything is made in a folder beside its place and moved there when it is whole.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from mediator.adapters.engine_cedar import policy_set_digest
from mediator.assembly.folder import Folder, make_private_folder, replace_file
from mediator.assembly.trust import ACTIVATION_FILE, TRUST_FILE, TRUST_STATEMENT_FILE, read_policies
from mediator.cli.console import GOOD, NAME, QUIET, WARN, say, show_table
from mediator.cli.folder import about, now_ms
from mediator.cli.init_settings import PROFILE, settings_text
from mediator.cli.keys import ask_new_passphrase, write_key
from mediator.cli.policy import activation
from mediator.cli.trust_files import trust_statement
from mediator.evidence import Secret
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.statement import Operator, Role, parse_operators, write_operators
from mediator.manifest.trust import sign_trust
from mediator.manifest.trust_file import RootRole, Signer, SignerRule, TrustFile
from mediator.refusal import Reason, Refused
from mediator.settings.parse import parse_settings, parse_toml
from mediator.settings.sections import SERVERS_FOLDER, SETTINGS_FILE, STATE_FOLDER, Settings

LOCAL_ROOT: Final = "local-root"
LOCAL_SIGNER: Final = "local-signer"
LOCAL_PREFIX: Final = "local/"  # what `manifest import` proposes: nobody else's names
_YEAR_MS: Final = 365 * 24 * 3600 * 1000  # the trust file is signed anew once a year: who froze it would be seen
_TEN_YEARS_MS: Final = 10 * 365 * 24 * 3600 * 1000  # a local key is replaced by hand long before
_STARTER: Final = ("policies", "tool_manifests")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    root: SigningKey
    signer: SigningKey
    operator: SigningKey
    issuer: SigningKey
    profile: SigningKey


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    operator: Annotated[str, typer.Option(metavar="EMAIL", help="You: whose key signs what an operator does.")],
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where.", show_default="here")] = Path(),
) -> None:
    """Make a working set-up in an empty folder: settings, keys, the default policies in force."""
    target = directory.resolve()
    _must_be_free(target)
    keys = _Keys(
        root=SigningKey.generate(),
        signer=SigningKey.generate(),
        operator=SigningKey.generate(),
        issuer=SigningKey.generate(),
        profile=SigningKey.generate(),
    )
    person = Operator(name=operator, public=keys.operator.public, roles=frozenset({Role.OPERATOR}))
    operators = write_operators({person.public.keyid: person})
    with about("--operator", "give a mail address"):
        parse_operators(operators)
    passphrase = ask_new_passphrase(f"`{operator}` (and of the local signer)")
    with _made_whole(target) as staging:
        _write_settings(staging, operator, keys.profile.public)
        _write_state(staging, operator, keys, operators, passphrase)
        _write_trust(staging, operator, keys, operators)
    _say_done(directory, operator, passphrase)


def starter_folder(name: str) -> Path:
    """Return a folder of starter files: package data in a wheel, at the repository's root in a source checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_starter" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise Refused(Reason.INTERNAL, f"the starter files `{name}` are missing", remedy="install the mediator again")


def _must_be_free(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise Refused(Reason.MALFORMED, f"`{target}` is no folder", remedy="name a folder that is empty or new")
    for name in (SETTINGS_FILE, STATE_FOLDER, SERVERS_FOLDER, *_STARTER):
        if (target / name).exists() or (target / name).is_symlink():
            raise Refused(
                Reason.MALFORMED, f"`{target}` holds a `{name}` already", remedy="name a folder that is empty or new"
            )


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Give a folder to write into; what stands in it at the end is moved to its place, all of it or nothing."""
    made = [path for path in (target, *target.parents) if not path.exists()]  # innermost first
    moved: list[Path] = []
    staging: Path | None = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target, prefix=".mediator-init-"))
        yield staging
        for entry in sorted(staging.iterdir(), key=lambda one: one.name == SETTINGS_FILE):  # the settings come last
            place = target / entry.name
            entry.rename(place)
            moved.append(place)
        staging.rmdir()
    except BaseException as error:
        for path in (*moved, *([staging] if staging is not None else [])):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in made:
            if path.is_dir():
                path.rmdir()
        if isinstance(error, OSError):
            detail = f"`{target}` cannot be written: {error.strerror}"
            raise Refused(Reason.MALFORMED, detail, remedy="name a folder that is yours to write") from error
        raise


def _write_settings(root: Path, operator: str, profile: PublicKey) -> None:
    text = settings_text(operator, profile).encode()
    with about("--operator", "give a mail address"):
        parse_settings(parse_toml(SETTINGS_FILE, text))
    replace_file(root / SETTINGS_FILE, text)
    (root / SERVERS_FOLDER).mkdir()
    for name in _STARTER:
        shutil.copytree(starter_folder(name), root / name, ignore=shutil.ignore_patterns("__pycache__", "*.dsse.json"))


def _write_state(root: Path, operator: str, keys: _Keys, operators: bytes, passphrase: Secret | None) -> None:
    folder = Folder(root=root)
    make_private_folder(folder.state)
    make_private_folder(folder.key_file("signer").parent)
    replace_file(folder.state / ".gitignore", b"# keys, state and ledger are nobody's to commit\n*\n", private=True)
    replace_file(folder.operators_file, operators, private=True)
    write_key(folder.key_file("root"), keys.root, passphrase)
    write_key(folder.key_file("signer"), keys.signer, passphrase)
    write_key(folder.key_file("operator", operator), keys.operator, passphrase)
    write_key(folder.key_file("issuer"), keys.issuer, None)
    write_key(folder.key_file("agent", PROFILE), keys.profile, None)
    replace_file(folder.key_file("grants"), secrets.token_hex(32).encode(), private=True)


def _write_trust(home: Path, operator: str, keys: _Keys, operators: bytes) -> None:
    folder, settings, at = Folder(root=home), Settings(), now_ms()
    keyid, until = keys.signer.public.keyid, at + _TEN_YEARS_MS
    local = Signer(name=LOCAL_SIGNER, key=keys.signer.public, valid_from=at, valid_until=until)
    rule = SignerRule(prefix=LOCAL_PREFIX, signers=frozenset({keyid}), threshold=1, valid_from=at, valid_until=until)
    root = RootRole(keys={LOCAL_ROOT: keys.root.public}, threshold=1)
    said = TrustFile(version=1, issued=at, expires=at + _YEAR_MS, root=root, signers={keyid: local}, rules=(rule,))
    manifests, policies = folder.manifests(settings), folder.policies(settings)
    people = parse_operators(operators)
    replace_file(manifests / TRUST_FILE, sign_trust(said, [keys.root]))
    replace_file(manifests / TRUST_STATEMENT_FILE, trust_statement(root, people, keys.operator, operator, 1))
    digest = policy_set_digest(read_policies(policies))
    replace_file(policies / ACTIVATION_FILE, activation(keys.operator, operator, digest, 1))


def _say_done(directory: Path, operator: str, passphrase: Secret | None) -> None:
    say(("made ", GOOD), "a set-up in ", (str(directory), NAME))
    show_table(
        ("", ""),
        [
            (SETTINGS_FILE, "the settings, commented"),
            ("tool_manifests/", f"manifests and pins; the local signer may sign for {LOCAL_PREFIX}"),
            ("policies/", f"the default policies, put in force by {operator}"),
            (f"{STATE_FOLDER}/", "keys and state, for your user alone"),
        ],
    )
    say(
        ("keep apart: ", WARN),
        f"{STATE_FOLDER}/keys/root.pem says who may sign; it is needed once a year, and best kept offline",
    )
    if passphrase is None:
        say(
            ("your key is unlocked: ", WARN), "whoever runs as your user can sign as you; `mediator doctor` says so too"
        )
    say(("next:", NAME))
    if directory != Path():
        say(f"  cd {directory}")
    say('  mediator manifest import clock --command "mcp-server-time"', ("   # or another tool server", QUIET))
    say("  mediator manifest sign clock --accept-proposed")
    say(f"  mediator pin approve clock --reviewer {operator}")
    say("  mediator serve")
