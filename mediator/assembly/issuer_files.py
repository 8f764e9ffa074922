"""The files of the local issuer's keys: read as they must be, and replaced so that a crash leaves the old or the new.

`issuer.pem` is the private key in use. `retired/<key id>.json` is the public half of one that was, with the operator's
statement that retired it: without one that holds, a key in that folder would be anybody's (A7). How a rotation is written:

1. prepare: the retired file of the key in use, then the new private key as `issuer-next.pem`; both durably
2. commit: `issuer-next.pem` becomes `issuer.pem`, in one step; from then on the new key is in force
3. erase: the old private key's bytes are overwritten in the file that had its name

A crash before 2 leaves the old key in force: a retired file that names the key in use is of a rotation that did not come
about. What is promised of 3: the old key has no name, and its bytes were written over in place. A copy in a backup or a
snapshot, or one that the disk or a file system that copies on writing keeps, is out of reach, and so is memory.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from mediator.assembly.folder import (
    Folder,
    make_private_folder,
    naming,
    read_key,
    read_secret,
    replace_file,
    require_private,
)
from mediator.assembly.issuer import TOKEN_LIFE_MS, IssuerKeys, RetiredKey
from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.identity.dsse import PublicKey
from mediator.identity.keys import Retirement
from mediator.identity.statement import Act, Operators, verify_statement
from mediator.mediation.tasks import require_fresh
from mediator.refusal import Reason, Refused

_IN_USE: Final = "issuer"
_NEXT: Final = "issuer-next"
_MEND: Final = "take the file away; what that key signed is refused from then on"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadKeys:
    """The keys as the files have them, and the files that mean nothing any more."""

    keys: IssuerKeys
    leftovers: tuple[Path, ...]


def read_issuer_keys(folder: Folder, operators: Operators, now_ms: int) -> ReadKeys:
    """Return the keys of the local issuer; it changes nothing.

    Raises `Refused` naming the file: a key that is missing, open to others or not to be read; a retired one that no
    operator retired, or that would be believed for longer than a token that it signed may live.
    """
    with naming(folder.key_file(_IN_USE)):
        signing_key = read_key(folder.key_file(_IN_USE))
    retired: list[RetiredKey] = []
    leftovers = [folder.key_file(_NEXT)]
    for path in _retired_files(folder):
        try:
            with naming(path):
                key = _read_retired(path, operators, now_ms)
        except Refused as refused:
            raise Refused(refused.reason, refused.detail, remedy=refused.remedy or _MEND) from refused
        if key is None or key.public == signing_key.public:  # its time is over, or its rotation did not come about
            leftovers.append(path)
        else:
            retired.append(key)
    return ReadKeys(keys=IssuerKeys(signing_key=signing_key, retired=tuple(retired)), leftovers=tuple(leftovers))


def retiring_form(key: PublicKey) -> JsonObject:
    """Return the subject of the `issuer.rotate` statement that retires this key: it retires no other, and so only once."""
    return {"key": key.keyid}


def over(folder: Folder, keys: IssuerKeys, now_ms: int) -> tuple[Path, ...]:
    """Return the files of the retired keys whose time is over."""
    return tuple(_retired_file(folder, key) for key in keys.retired if key.retirement.until_ms <= now_ms)


def remove(leftovers: Iterable[Path]) -> None:
    """Remove files that mean nothing any more; one that stays does no harm, and is tried again the next time."""
    for path in leftovers:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def prepare(folder: Folder, keys: IssuerKeys, retiring: RetiredKey) -> None:
    """Write beside the key in use what its rotation needs; none of it is in force. Raises `Refused` where it cannot."""
    pem = keys.signing_key.to_pem(None).reveal().encode()
    try:
        if not os.path.lexists(folder.retired_keys):
            make_private_folder(folder.retired_keys)
        require_private(folder.retired_keys)
        replace_file(_retired_file(folder, retiring), canonical_bytes(_form(retiring)), private=True)
        replace_file(folder.key_file(_NEXT), pem, private=True)
        _sync(folder.retired_keys)
        _sync(folder.retired_keys.parent)
    except OSError as error:
        detail = f"`{folder.retired_keys.parent}` cannot be written: {error.strerror}"
        raise Refused(Reason.STORE_UNAVAILABLE, detail) from error


def withdraw(folder: Folder, retiring: RetiredKey) -> None:
    """Take back what was prepared: the key in use goes on."""
    remove((folder.key_file(_NEXT), _retired_file(folder, retiring)))


def commit(folder: Folder) -> bool:
    """Put in force what was prepared, and tell whether the old private key was written over.

    Raises `Refused(STORE_UNAVAILABLE)` where it cannot; then the old key is in force.
    """
    path = folder.key_file(_IN_USE)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _not_replaced(path, error) from error
    with os.fdopen(descriptor, "wb", buffering=0) as old:  # stays the old one, whatever becomes of its name
        try:
            folder.key_file(_NEXT).replace(path)
        except OSError as error:
            raise _not_replaced(path, error) from error
        # From here on the new key is in force, and nothing may say otherwise.
        try:
            _sync(path.parent)  # before the erasure: a loss of power must not bring back a name for what is gone
            _erase(old)
        except OSError:
            return False
    return True


def _retired_files(folder: Folder) -> list[Path]:
    if not os.path.lexists(folder.retired_keys):
        return []
    require_private(folder.retired_keys)
    return sorted(folder.retired_keys.glob("*.json"))


def _retired_file(folder: Folder, key: RetiredKey) -> Path:
    return folder.retired_keys / f"{key.public.keyid}.json"


def _form(key: RetiredKey) -> JsonObject:
    return {
        "version": 1,
        "key": key.public.text,
        "retired_ms": key.retirement.retired_ms,
        "until_ms": key.retirement.until_ms,
        "statement": key.statement.decode(),
    }


def _read_retired(path: Path, operators: Operators, now_ms: int) -> RetiredKey | None:
    """Return the key, or nothing where its time is over."""
    match parse_object(read_secret(path).reveal().encode()):
        case {
            "version": int(version),
            "key": str(text),
            "retired_ms": int(retired_ms),
            "until_ms": int(until_ms),
            "statement": str(statement),
            **rest,
        } if not rest and version == 1 and bool not in {type(version), type(retired_ms), type(until_ms)}:
            public = PublicKey.from_text(text)
        case _:
            raise _wrong("not as it was written")
    if path.stem != public.keyid:
        raise _wrong("a retired key's file has its key's id for a name")
    # The longest that a token which it signed may live: who edits the file keeps no key alive by it.
    if not 0 <= retired_ms < until_ms <= retired_ms + TOKEN_LIFE_MS:
        raise _wrong(f"a key is believed for at most {TOKEN_LIFE_MS // 1000} s once it is retired")
    if until_ms <= now_ms:
        return None
    said = verify_statement(statement.encode(), operators, Act.ISSUER_ROTATE)
    if said.subject != retiring_form(public):
        raise _wrong("its statement retires another key")
    require_fresh(said, retired_ms)  # nor moves the day of its retirement away from the statement's
    return RetiredKey(
        public=public,
        retirement=Retirement(retired_ms=retired_ms, until_ms=until_ms),
        statement=statement.encode(),
    )


def _sync(folder: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _erase(old: FileIO) -> None:
    old.write(bytes(os.fstat(old.fileno()).st_size))
    os.fsync(old.fileno())


def _not_replaced(path: Path, error: OSError) -> Refused:
    return Refused(Reason.STORE_UNAVAILABLE, f"`{path}` cannot be replaced, and goes on: {error.strerror}")


def _wrong(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail)
