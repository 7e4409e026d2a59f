"""What the relaxation's best plan holds, in fractions of sessions: where a search can begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.matching.planning.bound.prices import Floats
    from services.matching.planning.vertices import Integers


@dataclass(frozen=True)
class Outline:
    """Sessions of the relaxed plan: `share` of each is held, at a start from `first` to `last` (minutes).

    `school` is -1 where a session has none of its own. Session i has `students[ptr[i]:ptr[i + 1]]` of the classes that
    `groups` of the same places stand for, one group for each class.
    """

    share: Floats
    offer: Integers
    school: Integers
    first: Integers
    last: Integers
    ptr: Integers
    groups: Integers
    students: Integers
