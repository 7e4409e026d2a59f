"""The phases that a worker can be asked for, each a function of its desk."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from services.matching.planning.bound.outline import Outline
from services.matching.planning.model import Hub, Policy, Problem
from services.matching.planning.search.board import NO_LIMIT
from services.matching.planning.search.classes import Classes
from services.matching.planning.search.guidance import Guidance
from services.matching.planning.search.messages import Bounded, Job, Prices, Proven, Shared
from services.matching.planning.search.pace import SOLVER_SECONDS, Pace
from services.matching.planning.search.ranking import COVERED, ENCOUNTERS, level_weights
from services.matching.planning.search.searcher import Report, Searcher

if TYPE_CHECKING:
    from services.matching.planning.search.ends import Ends
    from services.matching.planning.search.rounds import Rounds

GUIDE_SHARE, GUIDE_SECONDS, LARGE_GUIDE_SECONDS = 0.2, 6.0, 2.0
"""In less time prices of a large hub have hardly left their start."""
ANNEAL_SHARE, ANNEAL_SECONDS_A_SLOT, AGAIN_SECONDS_A_SLOT = 0.85, 0.02, 0.04
LARGE_PAIRS, LARGE_ANNEAL_SHARE = 100_000, 0.2
"""From so many pairs of a vertex and a class that is able there on, neighbourhoods win next to nothing: annealing has the time."""
LARGE_TEMPERATURES, OUTLINED_TEMPERATURES = (5.0, 0.2), (3.0, 0.2)
"""In students: from warmer, a large hub loses more than it finds again; more so what is outlined."""
REGIONS_FROM_SECONDS, BEFORE_REGIONS_SHARE, REGIONS_SHARE, LEAST_REGION_SECONDS = 150.0, 0.45, 0.9, 10.0
"""With a budget of so many seconds, who has looked for a large hub's bound anneals up to a part of it, and from then on chooses it anew region by region."""
QUICK_SECONDS_A_SLOT, ONCE_SECONDS_A_SLOT, MOST_TIMES = 0.004, 0.04, 3
"""A large hub is annealed quickly first, so that whoever stops early has a good plan, and then some times for longer: ends differ
as their starts do, by more than twice the time wins."""
REPAIR_TEMPERATURES = 0.8, 0.3
"""A repair starts cool, as it is to move few."""
AGAIN_SHARE, AGAIN_TEMPERATURES = 0.3, (2.5, 0.25)
GO_ON_SHARE, LEVEL_TEMPERATURES = 0.5, (30.0, 0.2)
"""In encounters, where a large hub goes on without ever covering fewer: warming again in students wins nothing there any more."""
OTHER_EVERY = 4
POLISH_SHARE = 0.15
SHARE_EVERY_SECONDS = 4.0
EXACT_SHARE = 0.75

WHOLE_SHARE, AFTER_WHOLE_SECONDS, PAIRS_A_SECOND = 0.5, 30.0, 1_000
"""Part of what is left of its budget that a worker gives to a hub's whole program (all but some seconds, where others search and that is more), and how
large (in vertices' classes) that may be for it."""
BOUND_SHARE, LARGE_BOUND_SHARE = 0.4, 0.7
"""Part of what is left of its budget that a worker gives to the bound, before it searches; more in a large hub, where others do that."""


@dataclass
class Desk:
    """What a worker has before it: the problem, its job, how it reports, and what others have sent it."""

    problem: Problem
    job: Job
    report: Report
    tell: Callable[[Any], None]
    inbox: queue.Queue[Any]
    log: list[dict[str, Any]] = field(default_factory=list)
    bound: int = NO_LIMIT
    shared: Shared | None = None

    @cached_property
    def pace(self) -> Pace:
        """Return the job's budget."""
        return Pace(self.job.started, self.job.end, self.job.deterministic)

    @cached_property
    def searcher(self) -> Searcher:
        """Return the search, its board built when it is first asked for."""
        searcher = Searcher(self.problem, self.job.seed, self.pace, self.report)
        searcher.listen = self.listen
        return searcher

    @cached_property
    def rounds(self) -> Rounds:
        """Return the rounds of neighbourhoods on that search."""
        from services.matching.planning.search.rounds import Rounds

        return Rounds(self.searcher, np.random.default_rng(self.job.seed))

    @cached_property
    def ends(self) -> Ends:
        """Return the ends that its annealings have come to."""
        from services.matching.planning.search.ends import Ends

        return Ends(self.rounds, self.searcher.coverage(strict=True))

    @cached_property
    def is_large(self) -> bool:
        """Tell whether the hub is so large (a county) that neighbourhoods win next to nothing."""
        return len(Classes.of(self.searcher.board).able) >= LARGE_PAIRS

    def listen(self) -> None:
        """Hear what others have sent: prices are followed at once, the newest outline and plan wait until they are of use."""
        while not self.inbox.empty():
            message = self.inbox.get()
            if isinstance(message, Shared):
                self.shared = message
            elif isinstance(message, Outline):
                self.searcher.outline = message
            elif isinstance(message, Prices):
                self.searcher.follow(Guidance.of_certificate(self.problem, message.certificate))

    def outlined(self, outline: Outline) -> None:
        """Keep an outline that was made here, and tell others."""
        self.searcher.outline = outline
        self.tell(outline)

    def take_shared(self) -> bool:
        """Join the best plan of all workers with our own; tell whether that changed it."""
        self.listen()
        newest, self.shared = self.shared, None
        return newest is not None and self.searcher.merge(newest.rows, newest.values)


def load_loops() -> None:
    """Load the compiled loops of a first plan, with an empty problem: the planning process still reads the real one."""
    nothing = Problem(Hub("none", "none", "UTC"), "2026/27", Policy(), {}, (), (), (), ())
    Searcher(nothing, 0, Pace(0.0, 0.0, deterministic=True), lambda *_: None).first_plan()


def first_plan(desk: Desk) -> None:
    """Find a valid plan, as soon as possible."""
    desk.searcher.first_plan()


def bound(desk: Desk) -> None:
    """Certify a bound on the students that can be covered, with a part of what is left of the budget."""
    from services.matching.planning.bound.certify import BoundResult, certify

    def tell(result: BoundResult) -> None:
        desk.bound = min(desk.bound, result.bound)
        desk.tell(Bounded(result.bound, result.certificate))

    others_search = "cover" not in desk.job.phases
    share = LARGE_BOUND_SHARE if others_search and desk.is_large else BOUND_SHARE
    seconds = desk.pace.left() * share
    result = certify(
        desk.problem,
        seconds=seconds,
        deterministic=desk.job.deterministic,
        on_result=tell,
        on_outline=desk.outlined if desk.is_large else None,
    )
    tell(result)
    desk.searcher.follow(Guidance.of_certificate(desk.problem, result.certificate))
    desk.pace.charge(solver=seconds / SOLVER_SECONDS)


def cover(desk: Desk) -> None:
    """Anneal for floors and coverage: several times, to join the ends; in a large hub for most of the time, as that is what wins there."""
    desk.take_shared()
    searcher, phases, large = desk.searcher, desk.job.phases, desk.is_large
    alone = "bound" in phases
    guiding = min(GUIDE_SHARE * desk.pace.left(), GUIDE_SECONDS)
    if guiding >= LARGE_GUIDE_SECONDS if large else alone:  # in a small hub others' prices come at once
        searcher.guide(guiding)
    slots, left = len(searcher.board.slot_offer), desk.pace.left()
    if not slots or left <= 0:
        return  # no offer can meet anybody, or no time is left
    weights, repair = searcher.coverage(strict=True), desk.problem.policy.repair
    if not (large or repair):
        desk.ends.first(left)
        return
    seconds, enough = ANNEAL_SHARE * left, ANNEAL_SECONDS_A_SLOT * slots
    if alone or not large:
        seconds = min(seconds, max(enough, LARGE_ANNEAL_SHARE * left) if large else enough)
    if repair:
        searcher.anneal("annealing", seconds, weights, *REPAIR_TEMPERATURES)
    else:
        _anneal_some_times(desk, seconds)


def _anneal_some_times(desk: Desk, seconds: float) -> None:
    """Anneal a large hub: quickly and then anew until an outline is known, and from that as often as the time allows."""
    searcher, pace = desk.searcher, desk.pace
    slots, weights, end = len(searcher.board.slot_offer), searcher.coverage(strict=True), pace.spent() + seconds
    quick, once = QUICK_SECONDS_A_SLOT * slots, _once(desk)

    def is_outlined() -> bool:
        return searcher.outline is not None and end - pace.spent() >= quick

    if not is_outlined():
        searcher.anneal("annealing", quick if seconds >= once else seconds, weights, *LARGE_TEMPERATURES, is_outlined)
    if not is_outlined() and end - pace.spent() >= quick:
        searcher.begin_anew()
        searcher.anneal("annealing", end - pace.spent(), weights, *LARGE_TEMPERATURES, is_outlined)
    if is_outlined():
        times = max(1, min(MOST_TIMES, int((end - pace.spent()) / once)))
        for done in range(times):
            searcher.begin_as_outlined()
            each = (end - pace.spent()) / (times - done)
            searcher.anneal("annealing", each, weights, *OUTLINED_TEMPERATURES)
    searcher.adopt(searcher.best_rows)


def neighbourhoods(desk: Desk) -> None:
    """Set neighbourhoods free and choose their sessions anew, or anneal, or join ends: what has lately won most for its time, the others now and then.

    In a large hub anneal only, but who has looked for the bound chooses regions anew, if there is time, and does first what the others did before, in a repair too.
    """
    searcher, pace = desk.searcher, desk.pace
    if not len(searcher.board.slot_offer):
        return  # no offer can meet anybody
    phases, repair = desk.job.phases, desk.problem.policy.repair
    if desk.is_large and not repair:
        if "bound" in phases:
            desk.take_shared()
            before, once = _before_regions(pace), _once(desk)
            if before >= once or "cover" in phases:
                _anneal_some_times(desk, min(ANNEAL_SHARE * pace.left(), max(once, before)))
            if before < inf:
                _renew_regions(desk)
        _go_on(desk)
        return
    if desk.is_large and "cover" not in phases:
        cover(desk)
    rounds, weights = desk.rounds, searcher.coverage(strict=True)
    temperatures = REPAIR_TEMPERATURES if repair else AGAIN_TEMPERATURES
    most_again = AGAIN_SECONDS_A_SLOT * len(searcher.board.slot_offer)
    ways: list[Callable[[float], None]] = [
        lambda left: rounds.run(min(SHARE_EVERY_SECONDS, left)),
        lambda left: searcher.anneal(
            "annealing", min(max(2.0, AGAIN_SHARE * left), most_again, left), weights, *temperatures
        ),
    ]
    if not (desk.is_large or repair) and desk.ends.worth_joining():
        ways.append(desk.ends.more)
    rates, last = [inf] * len(ways), [-1] * len(ways)
    until, turn = pace.spent() + (1.0 - POLISH_SHARE) * pace.left(), 0
    while pace.spent() < until:
        longest_ago = min(range(len(ways)), key=lambda way: last[way])
        best = max(range(len(ways)), key=lambda way: (rates[way], -last[way]))
        way = longest_ago if turn % OTHER_EVERY == OTHER_EVERY - 1 else best
        last[way] = turn
        before, begun = searcher.worth_of_best(), pace.spent()
        ways[way](until - begun)
        rates[way] = (searcher.worth_of_best() - before) / max(1e-3, pace.spent() - begun)
        turn += 1
        desk.take_shared()


def _once(desk: Desk) -> float:
    """Tell how many seconds one annealing of a large hub should have."""
    return ONCE_SECONDS_A_SLOT * len(desk.searcher.board.slot_offer)


def _before_regions(pace: Pace) -> float:
    """Tell how long a large hub is still annealed before it is chosen anew region by region: for ever in a short run, or where work is counted."""
    if pace.deterministic or pace.end < REGIONS_FROM_SECONDS:
        return inf
    return max(0.0, BEFORE_REGIONS_SHARE * pace.end - pace.spent())


def _renew_regions(desk: Desk) -> None:
    """Choose regions of a large hub anew, one after another, always in the best plan of all workers."""
    pace = desk.pace
    until = pace.spent() + (1.0 - POLISH_SHARE) * REGIONS_SHARE * pace.left()
    while (left := until - pace.spent()) >= LEAST_REGION_SECONDS:
        desk.take_shared()
        desk.rounds.renew_region(left)


def _go_on(desk: Desk) -> None:
    """Anneal a large hub on from the best plan of all workers, warm in encounters: it never covers fewer, and often more."""
    searcher, pace = desk.searcher, desk.pace
    weights = level_weights(desk.problem.policy, ENCOUNTERS, searcher.scales)
    until = pace.spent() + (1.0 - POLISH_SHARE) * pace.left()
    while (left := until - pace.spent()) > 0:
        desk.take_shared()
        searcher.anneal(
            "annealing", min(max(SHARE_EVERY_SECONDS, GO_ON_SHARE * left), left), weights, *LEVEL_TEMPERATURES
        )


def exact(desk: Desk) -> None:
    """Solve the whole model of a small hub, level by level; say what that proves."""
    from services.matching.planning.search.exact import MOST_CHOICES, choices_of
    from services.matching.planning.search.proving import prove

    def tell(proven: Proven) -> None:
        desk.bound = min(desk.bound, proven.covered)
        desk.tell(proven)

    desk.take_shared()
    if choices_of(desk.searcher.board) <= MOST_CHOICES:
        prove(desk.searcher, EXACT_SHARE * desk.pace.left(), tell, desk.bound)


def whole_hub(desk: Desk) -> None:
    """Search the hub's whole program, where the plan is below the bound and the hub small enough, for a tighter bound and a better plan.

    Not where work is counted.
    """
    from services.matching.planning.search.whole_hub import WholeHub

    seconds = WHOLE_SHARE * desk.pace.left()
    if "cover" not in desk.job.phases:
        seconds = max(seconds, desk.pace.left() - AFTER_WHOLE_SECONDS)
    desk.take_shared()
    searcher = desk.searcher
    settled = bool(searcher.best_values) and searcher.best_values[COVERED] >= desk.bound
    if desk.pace.deterministic or settled:
        return
    if len(Classes.of(searcher.board).able) > PAIRS_A_SECOND * seconds:
        return
    bound, wanted = WholeHub(desk.problem).search(searcher.best_rows, seconds)
    if bound is not None and bound < desk.bound:
        desk.bound = bound
        desk.tell(Bounded(bound, None))
    searcher.hold(wanted, "whole hub")


def polish(desk: Desk) -> None:
    """Improve the later levels, each with its part of what is left of the budget."""
    desk.take_shared()
    desk.searcher.polish(desk.pace.left())


PHASES: dict[str, Callable[[Desk], None]] = {
    "first plan": first_plan,
    "bound": bound,
    "cover": cover,
    "exact": exact,
    "whole hub": whole_hub,
    "neighbourhoods": neighbourhoods,
    "polish": polish,
}
