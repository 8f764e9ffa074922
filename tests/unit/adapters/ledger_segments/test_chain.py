"""The chain of one stream: each entry names the one before, and what could not be written never was.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.chain import Chain
from mediator.adapters.ledger_segments.layout import GENESIS
from mediator.adapters.ledger_segments.writer import StreamWriter
from mediator.canonical import canonical_bytes, digest_of_bytes, parse_object
from mediator.refusal import Refused
from tests.promises import promise

STREAM = "20261123-0123456789abcdef"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    writer = StreamWriter(tmp_path, STREAM, 2**20)
    yield Chain(STREAM, writer)
    writer.close()


def lines(tmp_path: Path, name: str = "0.jsonl") -> list[bytes]:
    return (tmp_path / STREAM / name).read_bytes().splitlines()


@promise("P10")
def test_each_entry_names_its_place_and_the_digest_of_the_line_before(chain: Chain, tmp_path: Path) -> None:
    """Design 8: RFC 8785 bytes with `prev`, `stream`, `index`."""
    receipts = [chain.add({"kind": "x", "number": number}) for number in range(3)]
    chain.write()
    written = lines(tmp_path)
    prev = GENESIS
    for index, (line, receipt) in enumerate(zip(written, receipts, strict=True)):
        entry = parse_object(line)
        assert canonical_bytes(entry) == line
        assert entry == {"kind": "x", "number": index, "stream": STREAM, "index": index, "prev": prev}
        prev = digest_of_bytes(line)
        assert (receipt.stream, receipt.index, receipt.digest) == (STREAM, index, prev)


def test_nothing_is_written_before_its_group_is(chain: Chain, tmp_path: Path) -> None:
    """Ours."""
    waits = [chain.has_unwritten]
    chain.add({"kind": "x"}, {"id": "1"})
    waits.append(chain.has_unwritten)
    assert lines(tmp_path) == []
    chain.write()
    waits.append(chain.has_unwritten)
    assert waits == [False, True, False]
    assert (len(lines(tmp_path)), lines(tmp_path, "values-0.jsonl")) == (1, [b'{"id":"1"}'])


@promise("P7")
def test_a_group_that_failed_is_no_part_of_the_chain(chain: Chain, tmp_path: Path) -> None:
    """Ours: what comes next follows the last entry that stands."""
    chain.add({"kind": "a"})
    chain.write()
    segment = tmp_path / STREAM / "0.jsonl"
    segment.rename(tmp_path / "aside")
    (tmp_path / "aside").unlink()
    chain.add({"kind": "b"})
    chain.add({"kind": "c"})
    with pytest.raises(Refused):
        chain.write()
    assert not chain.has_unwritten
    assert chain.add({"kind": "d"}).index == 1


def test_what_has_no_canonical_form_leaves_the_chain_as_it_was(chain: Chain) -> None:
    """Ours: a bug of ours, and no hole in the ledger."""
    for entry, values in (({"kind": "\ud800"}, None), ({"kind": "x"}, {"id": "\ud800"})):
        with pytest.raises(ValueError, match="form"):
            chain.add(dict(entry), values)  # type: ignore[arg-type]  # a table of two kinds
    assert not chain.has_unwritten
    assert chain.add({"kind": "x"}).index == 0
