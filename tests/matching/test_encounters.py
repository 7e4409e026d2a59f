"""An encounter lives on while its offer and school stay; each session of a plan is one encounter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from services.matching.agreed import Agreed, Told
from services.matching.encounters import compared, name_encounters
from services.matching.planning.model import Attendance, Offer, Session

HERE = (51.0, 0.5)
OFFER = Offer("A", "E1", "in_school", (), 60, 1, 30, frozenset({9}), 1, HERE, "E1")


def session(id_: str, start: int, offer: str = "A", school: str | None = "900001", students: int = 20) -> Session:
    return Session(id_, offer, start, school, (Attendance("g1", students),))


def agreed(*args: object, **kwargs: object) -> Agreed:
    made = session(*args, **kwargs)  # type: ignore[arg-type]  # the same arguments as a session's
    return Agreed(made, made.start + 60)


def names(
    sessions: Iterable[Session], in_force: Iterable[Agreed] = (), proposed: Iterable[Agreed] = ()
) -> dict[str, str]:
    numbers = count(1)
    return name_encounters(list(sessions), in_force, proposed, lambda: f"new-{next(numbers)}")


def test_the_same_start_keeps_its_encounter_and_the_rest_follow_in_order() -> None:
    told = [agreed("e1", 600), agreed("e2", 700), agreed("e3", 800)]

    assert names([session("s1", 700), session("s2", 900), session("s3", 1000)], told) == {
        "s1": "e2",
        "s2": "e1",
        "s3": "e3",
    }


def test_another_school_or_offer_is_another_encounter() -> None:
    told = [agreed("e1", 600)]

    assert names([session("s1", 600, school="900002"), session("s2", 600, offer="B")], told) == {
        "s1": "new-1",
        "s2": "new-2",
    }


def test_what_people_were_told_comes_before_what_was_only_proposed() -> None:
    told, proposed = [agreed("told", 600)], [agreed("proposed", 700)]

    assert names([session("s1", 700), session("s2", 900)], told, proposed) == {"s1": "told", "s2": "proposed"}


def test_what_is_proposed_again_keeps_its_encounter() -> None:
    assert names([session("s1", 600), session("s2", 700)], proposed=[agreed("e1", 600)]) == {"s1": "e1", "s2": "new-1"}


def test_a_session_is_new_kept_or_moved() -> None:
    told = Told(agreed("e1", 600), 0, "in_school", HERE)

    assert compared(session("s1", 600), OFFER, HERE, None) == "new"
    assert compared(session("s1", 600), OFFER, HERE, told) == "kept"
    assert compared(session("s1", 605), OFFER, HERE, told) == "moved"
    assert compared(session("s1", 600, students=19), OFFER, HERE, told) == "moved"
    assert compared(session("s1", 600), replace(OFFER, duration_minutes=90), HERE, told) == "moved"
    assert compared(session("s1", 600), replace(OFFER, mode="virtual"), HERE, told) == "moved"
    assert compared(session("s1", 600), OFFER, (51.1, 0.5), told) == "moved"


_PLACES = st.tuples(st.integers(0, 3), st.sampled_from("AB"), st.sampled_from(["900001", None]))


@given(st.lists(_PLACES, max_size=6), st.lists(_PLACES, max_size=6), st.lists(_PLACES, max_size=6))
def test_no_encounter_is_given_twice_and_none_is_minted_while_one_is_free(
    planned: list[tuple[int, str, str | None]],
    in_force: list[tuple[int, str, str | None]],
    proposed: list[tuple[int, str, str | None]],
) -> None:
    sessions = [session(f"s{at}", *place) for at, place in enumerate(planned)]
    told = [agreed(f"t{at}", *place) for at, place in enumerate(in_force)]
    known = [agreed(f"p{at}", *place) for at, place in enumerate(proposed)]

    named = names(sessions, told, known)

    assert len(set(named.values())) == len(sessions)
    for offer in "AB":
        for school in ("900001", None):
            here = [one for one in sessions if (one.offer, one.school) == (offer, school)]
            free = [one for one in told + known if (one.session.offer, one.session.school) == (offer, school)]
            minted = [one for one in here if named[one.id].startswith("new")]
            assert len(minted) == max(0, len(here) - len(free))
