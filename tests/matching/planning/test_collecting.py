"""The garbage collector rests while a file is read, and is left as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from services.matching.planning.collecting import nothing_collected


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("on", [True, False])
def test_it_rests_within_and_is_left_as_it_was_even_by_an_error(on: bool) -> None:
    (gc.enable if on else gc.disable)()
    seen = list[bool]()

    def fail() -> None:
        with nothing_collected():
            seen.append(gc.isenabled())
            raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        fail()
    assert seen == [False]
    assert gc.isenabled() is on
