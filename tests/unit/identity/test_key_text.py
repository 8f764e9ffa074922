"""Private keys as text: locked means locked, and whatever is wrong is told without a word of the key.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mediator.evidence import Secret
from mediator.identity.key_text import read_key, write_key
from mediator.refusal import Reason, Refused

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOCKED = write_key(PRIVATE, Secret("correct horse"))


def raw(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes_raw()


def test_an_unlocked_key_comes_back() -> None:
    """Ours."""
    assert raw(read_key(write_key(PRIVATE, None), None)) == raw(PRIVATE)


def test_a_locked_key_comes_back_under_its_passphrase_alone() -> None:
    """Ours: a stolen key file is of no use without the passphrase (design 2a)."""
    assert raw(read_key(LOCKED, Secret("correct horse"))) == raw(PRIVATE)
    for passphrase in (Secret("wrong horse"), None):
        with pytest.raises(Refused) as refusal:
            read_key(LOCKED, passphrase)
        assert refusal.value.reason is Reason.BAD_CREDENTIAL
        assert ("locked" in refusal.value.detail) is (passphrase is None)


def test_the_lock_is_not_the_passphrase_itself() -> None:
    """Ours: without our stretching PKCS#8 would hold out 2,048 rounds of PBKDF2 and no more."""
    pem = LOCKED.reveal().split("\n", 1)[1]
    with pytest.raises(Refused):
        read_key(Secret(pem), Secret("correct horse"))


def test_a_passphrase_too_many_is_told_apart_from_one_too_few() -> None:
    """Issue 2, bad input: the next step."""
    with pytest.raises(Refused) as refusal:
        read_key(write_key(PRIVATE, None), Secret("not needed"))
    assert refusal.value.detail == "the key is not locked"


def test_a_key_that_another_tool_locked_opens_with_its_passphrase() -> None:
    """Ours: an operator may bring a key made by OpenSSL."""
    lock = serialization.BestAvailableEncryption(b"correct horse")
    pem = PRIVATE.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()

    assert raw(read_key(Secret(pem), Secret("correct horse"))) == raw(PRIVATE)


def test_an_empty_passphrase_locks_nothing_and_is_refused() -> None:
    """Ours: empty is never permission."""
    with pytest.raises(Refused) as refusal:
        write_key(PRIVATE, Secret(""))
    assert refusal.value.reason is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize(
    ("text", "passphrase", "reason"),
    [
        ("", None, Reason.BAD_CREDENTIAL),
        ("no key", None, Reason.BAD_CREDENTIAL),
        ("no key \ud800", None, Reason.BAD_CREDENTIAL),
        (write_key(PRIVATE, None).reveal(), "not needed", Reason.BAD_CREDENTIAL),
        (
            X25519PrivateKey.generate()
            .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            .decode(),
            None,
            Reason.MALFORMED,
        ),
    ],
    ids=["nothing", "no PEM", "a lone surrogate", "a passphrase too many", "another kind of key"],
)
def test_whatever_is_no_such_key_is_refused(text: str, passphrase: str | None, reason: Reason) -> None:
    """Ours: `read_*` raises `Refused` and nothing else."""
    with pytest.raises(Refused) as refusal:
        read_key(Secret(text), None if passphrase is None else Secret(passphrase))
    assert refusal.value.reason is reason
