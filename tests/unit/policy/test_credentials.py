"""Tests of what is found among arguments: credentials by their form, and nothing that only looks busy.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mediator.canonical import Json, JsonObject, parse_json
from mediator.policy.credentials import LOOKED_MAX, POINTERS_MAX, find_credentials

DATA = Path(__file__).parents[2] / "data"
BODY = "Ab3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAb3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
# Put together here, so that no scanner of repositories takes these for somebody's.
TOKENS = {
    "aws": "AK" + "IA" + BODY[:16].upper(),
    "github": "gh" + "p_" + BODY[:36],
    "github, fine-grained": "github" + "_pat_" + BODY[:60],
    "gitlab": "gl" + "pat-" + BODY[:20],
    "slack": "xo" + "xb-" + BODY[:30],
    "stripe": "sk" + "_live_" + BODY[:24],
    "google": "AI" + "za" + BODY[:35],
    "anthropic": "sk-" + "ant-" + BODY[:40],
    "npm": "np" + "m_" + BODY[:36],
    "sendgrid": "S" + "G." + BODY[:22] + "." + BODY[:43],
    "azure": "Account" + "Key=" + BODY + "==",
    "a signed token": "ey" + "JhbGciOiJFZERTQSJ9." + "ey" + "JzdWIiOiJhZGEifQ." + BODY[:43],
    "a private key": "-----BEGIN " + "PRIVATE KEY-----\n" + BODY,
    "an openssh key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----\n" + BODY,
    "a url with a password": "postgres://app:" + "Xk3pQ9vLm2@db.example/main",
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("around", ["{}", "here it is: {}, keep it", 'export TOKEN="{}"', "key={};", "({})"])
def test_a_credential_is_found_by_its_form_wherever_it_stands(name: str, around: str) -> None:
    """Issue 7: with the pointer to it."""
    assert find_credentials({"to": "ada", "body": around.format(TOKENS[name])}) == ("/body",)


PLAIN: dict[str, Json] = {
    "prose": "the minutes of Monday, with a token of our appreciation and the keys to the office",
    "an example's token": "ghp_" + "x" * 36,
    "an example's key": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "a public key": "-----BEGIN PUBLIC KEY-----\n" + BODY,
    "an example's password": "postgres://user:password@localhost/db",
    "a placeholder": "https://user:$PASSWORD@a.example/ and https://user:{password}@a.example/",
    "a url with a port": "https://a.example:8443/a@b",
    "an address": "ada@a.example",
    "a digest": "sha256:" + "0a1b2c3d" * 8,
    "an identifier": "0b8f6f0e-6d1c-4d3e-9d4b-2a1f6c7e8d9f",
    "a word that only begins so": "FOOAK" + "IA" + BODY[:16].upper() + " taskghp_x",
    "a short one": "gh" + "p_" + BODY[:10],
    "a number": 12,
    "nothing": None,
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_only_looks_like_one_is_none(name: str) -> None:
    """Ours: whoever is refused for nothing takes the policy away."""
    assert find_credentials({"body": PLAIN[name]}) == ()


def test_it_is_found_at_any_depth_and_as_a_name() -> None:
    """RFC 6901: the pointer leads there."""
    token = TOKENS["github"]
    found = find_credentials({"a": [{"b/c": [1, token]}], token: "x"})
    assert set(found) == {"/a/0/b~1c/1", f"/{token}"}


def test_so_many_are_told_and_no_more() -> None:
    """Ours: a remedy has an end."""
    arguments: JsonObject = {f"{number:03}": TOKENS["github"] for number in range(50)}
    assert len(find_credentials(arguments)) == POINTERS_MAX


@pytest.mark.parametrize(
    "word", ["a" * 100, "://" + "a" * 60 + ":" + "b" * 60, "eyJ" + "a" * 40, TOKENS["npm"][:20] * 5]
)
def test_what_is_too_much_to_look_through_is_told_too(word: str) -> None:
    """A1: a secret behind a megabyte of words is not let by unseen. The rest is not looked at."""
    much = f"{word} " * (LOOKED_MAX // len(word) + 1)
    assert find_credentials({"a": "x", "b": much, "c": TOKENS["npm"]}) == ("/b",)


def test_a_file_of_one_long_word_is_looked_at_where_it_begins() -> None:
    """Ours: an encoded file is a long word. It costs no more than its beginning."""
    assert find_credentials({"content": BODY * 50_000}) == ()
    assert find_credentials({"content": TOKENS["google"] + "." + BODY * 50_000}) == ("/content",)


@pytest.mark.corpus
def test_real_definitions_hold_none() -> None:
    """Measured: of 216 real tools and two corpora of definitions, one text holds one: an example, of a token to decode."""
    found, looked = [], 0
    for folder in ("real_tools", "labelled_definitions", "lint_heldout"):
        for file in sorted((DATA / folder).glob("*.json")):
            for text in _texts(parse_json(file.read_bytes())):
                looked += 1
                if find_credentials({"text": text}):
                    found.append(text)
    assert looked > 10_000
    assert [text[:26] for text in found] == ["Decodes a JSON Web Token w"]


def _texts(value: Json) -> list[str]:
    texts: list[str] = []
    json.loads(json.dumps(value), object_hook=lambda held: texts.extend(v for v in held.values() if isinstance(v, str)))
    return texts
