"""Keys of the broken generator bear its marks; other keys do not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from mediator.identity.roca import is_broken

CORPUS = Path(__file__).resolve().parents[2] / "data" / "wycheproof" / "json_web_key_test.json"


@pytest.mark.corpus
def test_a_key_of_the_broken_generator_is_known_by_its_modulus() -> None:
    """CVE-2017-15361, by Wycheproof's one key of it."""
    groups = json.loads(CORPUS.read_bytes())["testGroups"]
    (form,) = [group["public"]["keys"][0] for group in groups if group["comment"] == "jws_rsa_roca_key"]
    key = RSAAlgorithm.from_jwk(form)
    assert isinstance(key, rsa.RSAPublicKey)
    assert is_broken(key.public_numbers().n)


def test_an_honest_key_is_none_of_those() -> None:
    """Ours."""
    assert not is_broken(rsa.generate_private_key(65537, 2048).public_key().public_numbers().n)
