"""A table finds every content that was put in, and no other."""

from __future__ import annotations

import os

import pytest

from workbench.extraction.known import KnownTable, Place, encode_table, known_key


def test_every_key_is_found_and_no_other():
    entries = {os.urandom(16): Place(f"chk_{i % 7}", i, i % 3) for i in range(500)}
    same = b"\x07" * 8
    entries |= {same + bytes([i] * 8): Place("chk_same", i, 1) for i in (1, 2, 3)}
    table = KnownTable(encode_table(entries))
    assert len(table) == 503
    assert dict(table.entries()) == entries
    assert all(table.find(key) == place for key, place in entries.items())
    assert table.find(same + bytes(8)) is None
    assert table.find(b"\xff" * 16) is None
    assert table.find(bytes(16)) is None


def test_an_empty_table_knows_nothing():
    assert KnownTable(encode_table({})).find(bytes(16)) is None


@pytest.mark.parametrize("cut", [0, 3, 20])
def test_a_cut_table_is_refused(cut: int):
    data = encode_table({bytes(16): Place("chk_1", 0, 1)})
    with pytest.raises(ValueError, match="known content"):
        KnownTable(data[:cut])


def test_a_key_is_of_bytes_type_and_ending():
    one = known_key("a" * 64, "text/plain", "x/One.TXT")
    assert known_key("a" * 64, "text/plain", "y/two.txt") == one
    assert known_key("a" * 64, "text/plain", "two.md") != one
    assert known_key("a" * 64, "text/markdown", "two.txt") != one
    assert known_key("b" * 64, "text/plain", "two.txt") != one
