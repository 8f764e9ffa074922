"""The files of the issuer's keys: what a retired one must be to be believed, and that a crash leaves the old or the new.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mediator.assembly import issuer_files
from mediator.assembly.folder import Folder, read_key, read_operators
from mediator.assembly.issuer import TOKEN_LIFE_MS, IssuerKeys, RetiredKey
from mediator.assembly.issuer_files import (
    commit,
    over,
    prepare,
    read_issuer_keys,
    remove,
    retiring_form,
    withdraw,
)
from mediator.canonical import Json, canonical_bytes, parse_object
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import content_of
from tests.simulated.opened import OTHER
from tests.simulated.people import key_of
from tests.simulated.running import OWNER

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000


def said(home: Folder, key: SigningKey, *, who: str = OWNER, at: int = NOW_MS) -> bytes:
    """Return an operator's statement that retires this key."""
    signer = read_key(home.key_file("operator", who))
    subject = retiring_form(key.public)
    return sign_statement(signer, act=Act.ISSUER_ROTATE, subject=subject, who=who, at=at, serial=at)


def keys_of(home: Folder, now_ms: int = NOW_MS) -> IssuerKeys:
    return read_issuer_keys(home, read_operators(home), now_ms).keys


def next_keys(home: Folder) -> tuple[IssuerKeys, RetiredKey]:
    before = keys_of(home)
    after = before.rotated(SigningKey.generate(), said(home, before.signing_key), NOW_MS)
    (retiring,) = (key for key in after.retired if key.public == before.signing_key.public)
    return after, retiring


def rotate(home: Folder) -> IssuerKeys:
    after, retiring = next_keys(home)
    prepare(home, after, retiring)
    assert commit(home)
    return after


def public_of(keys: IssuerKeys) -> tuple[object, object]:
    return keys.signing_key.public, keys.retired


def test_what_is_rotated_is_read_again_as_it_was_written(home: Folder) -> None:
    """Ours: twice, and by another process."""
    for number in (1, 2):
        after = rotate(home)
        assert public_of(keys_of(home)) == public_of(after)
        assert len(after.retired) == number


@promise("P5")
def test_of_a_retired_key_the_public_half_alone_is_left(home: Folder, tmp_path: Path) -> None:
    """The issue: the old private key is written over in place, whatever name it has left, and stands nowhere else."""
    path = home.key_file("issuer")
    old = path.read_bytes()
    (tmp_path / "another name").hardlink_to(path)
    rotate(home)
    assert (tmp_path / "another name").read_bytes() == bytes(len(old))
    secret = old.splitlines()[1]
    assert not [name for name, content in content_of(home.root).items() if secret in content]
    (retired,) = home.retired_keys.iterdir()
    assert stat.S_IMODE(retired.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.retired_keys.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Crash(BaseException):
    """The machine stopped here."""


STEPS = ("replace_file", "_sync", "_erase")


def crashing(monkeypatch: pytest.MonkeyPatch, at: int) -> list[str]:
    """Stop before the step of this number; what was done is in the list."""
    done: list[str] = []

    def before(name: str, step: Callable[..., object]) -> Callable[..., object]:
        def stepped(*given: object, **options: object) -> object:
            if len(done) == at:
                raise Crash
            done.append(name)
            return step(*given, **options)

        return stepped

    for name in STEPS:
        monkeypatch.setattr(issuer_files, name, before(name, getattr(issuer_files, name)))
    monkeypatch.setattr(Path, "replace", before("replace", Path.replace))
    return done


@promise("P7")
@pytest.mark.parametrize("at", range(10))
def test_a_crash_at_any_step_leaves_the_old_key_or_the_new_one_in_force(
    home: Folder, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The issue: never a state in which tokens just minted do not verify; then the next rotation works."""
    before = keys_of(home)
    after, retiring = next_keys(home)
    with monkeypatch.context() as patched:
        done = crashing(patched, at)
        try:
            prepare(home, after, retiring)
            commit(home)
        except Crash:
            assert len(done) == at
        else:
            assert at == len(done) == 9  # beyond the last step
    was_replaced = done.count("replace") == 3
    found = read_issuer_keys(home, read_operators(home), NOW_MS)
    assert public_of(found.keys) == public_of(after if was_replaced else before)
    remove(found.leftovers)
    names = {path.name for path in home.key_file("issuer").parent.iterdir() if not path.name.startswith(".")}
    assert "issuer-next.pem" not in names
    assert len(list(home.retired_keys.glob("*.json"))) == was_replaced
    assert public_of(keys_of(home)) == public_of(found.keys)
    assert len(rotate(home).retired) == 1 + was_replaced


def test_what_was_prepared_can_be_taken_back(home: Folder) -> None:
    """Ours: the key in use goes on, and nothing is left of the new one."""
    before = content_of(home.root)
    after, retiring = next_keys(home)
    prepare(home, after, retiring)
    assert content_of(home.root) != before
    withdraw(home, retiring)
    assert content_of(home.root) == before


def test_a_key_is_forgotten_when_its_time_is_over(home: Folder) -> None:
    """Ours: its file means nothing any more, whoever was the operator; and one that is gone is no trouble."""
    after = rotate(home)
    (file,) = home.retired_keys.iterdir()
    last_ms = NOW_MS + TOKEN_LIFE_MS - 1
    assert public_of(keys_of(home, last_ms)) == public_of(after)
    assert over(home, after, last_ms) == ()
    assert over(home, after, last_ms + 1) == (file,)
    found = read_issuer_keys(home, read_operators(home), last_ms + 1)
    assert found.keys.retired == ()
    assert file in found.leftovers
    remove(found.leftovers)
    assert not file.exists()
    remove((*found.leftovers, home.root))  # what cannot be removed stays


def edited(**members: Json) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        file.write_bytes(canonical_bytes({**parse_object(file.read_bytes()), **members}))

    return edit


def cut_off(file: Path) -> None:
    file.write_bytes(b"{")


def renamed(file: Path) -> None:
    file.rename(file.with_name("0" * 64 + ".json"))


def opened_to_others(file: Path) -> None:
    file.chmod(0o644)


def folder_opened_to_others(file: Path) -> None:
    file.parent.chmod(0o755)


def folder_is_a_link(file: Path) -> None:
    file.parent.rename(file.parents[1] / "elsewhere")
    file.parent.symlink_to(file.parents[1] / "elsewhere")


def is_a_link(file: Path) -> None:
    file.rename(file.with_suffix(".elsewhere"))
    file.symlink_to(file.with_suffix(".elsewhere"))


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "no JSON": (cut_off, "not JSON"),
    "another version": (edited(version=2), "not as it was written"),
    "a version that is true": (edited(version=True), "not as it was written"),
    "a time that is text": (edited(until_ms="tomorrow"), "not as it was written"),
    "a time that is true": (edited(retired_ms=True), "not as it was written"),
    "a member more": (edited(note="x"), "not as it was written"),
    "no key": (edited(key="ed25519:AA"), "not a public key"),
    "another key": (edited(key=key_of("mallory").public.text), "its key's id"),
    "another name": (renamed, "its key's id"),
    "a longer life": (edited(until_ms=NOW_MS + TOKEN_LIFE_MS + 1), "at most 1020 s"),
    "a life of a year": (edited(until_ms=NOW_MS + 365 * 24 * 60 * MINUTE_MS), "at most 1020 s"),
    "ended before it was retired": (edited(until_ms=NOW_MS), "at most 1020 s"),
    "retired before all time": (edited(retired_ms=-1, until_ms=1), "at most 1020 s"),
    "retired later": (
        edited(retired_ms=NOW_MS + 6 * MINUTE_MS, until_ms=NOW_MS + 6 * MINUTE_MS + TOKEN_LIFE_MS),
        "not made just now",
    ),
    "no statement": (edited(statement=""), "not JSON"),
    "open to others": (opened_to_others, "nobody else can read"),
    "a folder that is open to others": (folder_opened_to_others, "open to others"),
    "a folder that is a link": (folder_is_a_link, "no symbolic link"),
    "a link": (is_a_link, "must be a file of yours"),
}


@promise("P7")
@pytest.mark.parametrize(("spoil", "told"), SPOILT.values(), ids=SPOILT)
def test_a_retired_key_that_is_not_as_it_was_written_is_refused(
    home: Folder, spoil: Callable[[Path], None], told: str
) -> None:
    """The issue, bad input: named, with the next step; who edits the file keeps no key alive by it."""
    rotate(home)
    (file,) = home.retired_keys.iterdir()
    spoil(file)
    with pytest.raises(Refused) as stop:
        keys_of(home)
    assert told in stop.value.detail
    assert stop.value.reason is not Reason.INTERNAL
    assert stop.value.remedy or "chmod" in stop.value.detail or "folder" in stop.value.detail


@promise("P7", "P9")
def test_a_key_that_no_operator_retired_is_nobody_s(home: Folder) -> None:
    """A7: a file in that folder is no word of an operator's; nor is one about another key, or of another act."""
    planted, operator = key_of("mallory"), read_key(home.key_file("operator", OWNER))
    rotate(home)
    (file,) = home.retired_keys.iterdir()
    true = parse_object(file.read_bytes())
    form = retiring_form(planted.public)
    statements = {
        "another key's": str(true["statement"]).encode(),
        "a stranger's": sign_statement(
            planted, act=Act.ISSUER_ROTATE, subject=form, who="mallory", at=NOW_MS, serial=1
        ),
        "a reviewer's": said(home, planted, who=OTHER),
        "of another act": sign_statement(operator, act=Act.TASK_OPEN, subject=form, who=OWNER, at=NOW_MS, serial=1),
        "of another day": said(home, planted, at=NOW_MS - 6 * MINUTE_MS),
    }
    path = file.with_name(f"{planted.public.keyid}.json")
    for name, statement in statements.items():
        path.write_bytes(canonical_bytes({**true, "key": planted.public.text, "statement": statement.decode()}))
        path.chmod(0o600)
        with pytest.raises(Refused) as stop:
            keys_of(home)
        assert (name, path.name in stop.value.detail) == (name, True)


@promise("P7")
def test_what_cannot_be_prepared_is_refused_and_the_key_goes_on(home: Folder) -> None:
    """The issue, bad input: a folder that is none; the next step is with whoever put it there."""
    before = keys_of(home)
    home.retired_keys.symlink_to(home.root)
    after, retiring = next_keys_of(before, home)
    with pytest.raises(Refused, match="no symbolic link"):
        prepare(home, after, retiring)
    home.retired_keys.unlink()
    assert public_of(keys_of(home)) == public_of(before)


def next_keys_of(before: IssuerKeys, home: Folder) -> tuple[IssuerKeys, RetiredKey]:
    after = before.rotated(SigningKey.generate(), said(home, before.signing_key), NOW_MS)
    return after, after.retired[0]


@promise("P7")
def test_a_disk_that_fails_before_the_new_key_is_in_force_leaves_the_old_one(
    home: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: a refusal, and nothing is half done."""
    before = keys_of(home)
    after, retiring = next_keys(home)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(issuer_files, "_sync", fails)
        with pytest.raises(Refused, match="No space left") as stop:
            prepare(home, after, retiring)
        assert stop.value.reason is Reason.STORE_UNAVAILABLE
    prepare(home, after, retiring)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(Refused, match="No space left") as stop:
            commit(home)
        assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert public_of(keys_of(home)) == public_of(before)
    home.key_file("issuer").unlink()
    with pytest.raises(Refused, match=r"issuer\.pem"):
        commit(home)


def test_where_the_old_key_cannot_be_written_over_the_new_one_is_in_force_all_the_same(
    home: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: who asked is told; to go back would be to mint with a key that was retired."""
    after, retiring = next_keys(home)
    prepare(home, after, retiring)

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(issuer_files, "_erase", fails)
    assert not commit(home)
    assert public_of(keys_of(home)) == public_of(after)
