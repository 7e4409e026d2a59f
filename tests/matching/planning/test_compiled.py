"""What has been compiled is only used for the very sources that it was made from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.matching.planning import compiled
from services.matching.planning.fillings import gains


def test_machine_code_lies_in_the_folder_of_these_sources() -> None:
    kept = Path(gains.stats.cache_path)  # type: ignore[attr-defined]  # compiled functions have it
    assert kept.is_relative_to(compiled.KEPT_HERE)


@pytest.mark.parametrize("ours", [True, False])
def test_machine_code_lies_beside_the_sources_or_where_these_are_another_s_in_the_user_s_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ours: bool
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: ours and (path, mode) == (tmp_path, os.W_OK))
    beside, in_cache = tmp_path / "__pycache__", Path.home() / ".cache" / "seven-encounters"
    assert compiled.folder_for(tmp_path) == (beside if ours else in_cache)


def test_another_source_has_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "moves.py").write_text("one = 1\n")
    monkeypatch.setattr(compiled, "_HERE", tmp_path)
    before = compiled._sources()
    (tmp_path / "search" / "moves.py").write_text("one = 2\n")
    assert compiled._sources() != before


def test_what_was_compiled_from_other_sources_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, present = tmp_path / "compiled-old", tmp_path / "compiled-present"
    for folder in (old, present):
        folder.mkdir()
        (folder / "loop.nbc").touch()
    monkeypatch.setattr(compiled, "_KEPT", tmp_path)
    monkeypatch.setattr(compiled, "KEPT_HERE", present)
    compiled.forget_others()
    assert [folder.name for folder in tmp_path.iterdir()] == ["compiled-present"]


def test_loops_are_loaded_without_the_linear_algebra_that_none_of_them_uses() -> None:
    script = (
        "import sys; from services.matching.planning.search.phases import load_loops; load_loops()\n"
        "print('scipy.linalg' in sys.modules); import scipy.linalg.cython_blas"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == ["False"]
