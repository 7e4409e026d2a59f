"""What is no file of ours, or more than is read, is refused with one clear sentence, and soon."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from services.matching.planning.faults import InvalidFile
from services.matching.planning.reading import problem_from_json, read_problem
from services.matching.planning.strict_json import canonical_bytes, load_json
from tests.matching.planning.builders import make_tree

pytestmark = pytest.mark.timeout(60)  # a limit that does not hold would freeze the machine


def refusal(raw: bytes, **options: Any) -> str:
    """Give the first fault of a text that is no problem, as it is shown."""
    with pytest.raises(InvalidFile) as refused:
        read_problem(raw, **options)
    return str(refused.value.faults[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1,]", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("[]", "an object is expected here"),
        ('"problem"', "an object is expected here"),
        ("null", "an object is expected here"),
        ('{"groups": [{"size": 1, "size": 2}]}', "/groups/0/size: this key stands more than once"),
        ('{"policy": {"speed_kmh": NaN}}', "/policy/speed_kmh: NaN is not a number"),
        ('{"policy": {"speed_kmh": -Infinity}}', "/policy/speed_kmh: -Infinity is not a number"),
        ('{"policy": {"speed_kmh": 1e999}}', "/policy/speed_kmh: 1e999 is beyond"),
        ('{"policy": {"speed_kmh": 1e-999}}', "/policy/speed_kmh: 1e-999 is beyond"),
        ('{"x": ' + "9" * 5000 + "}", "/x: a number of 5000 digits"),
        ('{"hub": {"name": "\\ud800"}}', "/hub/name: the text holds half a character"),
        ('{"\\udc00": 1}', "a key holds half a character"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: str, told: str) -> None:
    assert told in refusal(text.encode())


def test_nesting_is_followed_to_a_hundred_levels_and_refused_beyond() -> None:
    deep = json.dumps(make_tree())[:-1] + ', "note": ' + "[" * 100 + "]" * 100 + "}"
    assert read_problem(deep.encode()).sha256
    deeper = json.dumps(make_tree())[:-1] + ', "note": ' + '[{"a": ' * 51 + "1" + "}]" * 51 + "}"
    assert "nested too deeply" in refusal(deeper.encode())
    tower: list[Any] = []
    for _ in range(5000):
        tower = [tower]
    with pytest.raises(InvalidFile, match="nested too deeply"):
        canonical_bytes(tower)


def test_a_whole_surrogate_pair_is_text() -> None:
    assert load_json(b'["\\ud83d\\ude00"]') == ["😀"]


def test_other_encodings_are_refused_and_a_byte_order_mark_is_passed_over() -> None:
    assert "not UTF-8" in refusal('{"é": 1}'.encode("cp1252"))
    assert read_problem(b"\xef\xbb\xbf" + json.dumps(make_tree()).encode()).problem.groups


def test_a_file_above_the_limit_is_refused_before_it_is_read_whole() -> None:
    tree = json.dumps(make_tree()).encode()
    assert read_problem(tree, limit_bytes=len(tree)).problem.groups
    assert "more than" in refusal(tree, limit_bytes=len(tree) - 1)


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    with pytest.raises(InvalidFile, match="more than 64 MiB"):
        read_problem(huge)


def test_many_millions_of_tiny_objects_are_refused_before_they_fill_the_memory() -> None:
    assert "more than 2,000,000 lists and objects" in refusal(b"[" + b"{}," * 2_000_000 + b"{}]")


def test_a_gz_bomb_is_refused_without_being_unpacked_whole() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 200_000_000))
    assert "more than 64 MiB" in refusal(gzip.decompress(bomb))


def test_damaged_gzip_and_missing_files_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(make_tree()).encode())
    assert "damaged" in refusal(packed[:-20])
    assert "damaged" in refusal(packed[:40] + b"????" + packed[44:])
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InvalidFile, match="cannot be read"):
            read_problem(path)


def test_a_million_windows_are_refused() -> None:
    window = ["2026-10-06T09:00", "2026-10-06T10:00"]
    tree = make_tree()
    tree["calendars"]["endless"] = [window] * 1_000_000
    with pytest.raises(InvalidFile, match="1,000,004 windows"):
        problem_from_json(tree)
