"""The two exact counting programs of the relaxation, compiled: the best filling of a session, a presenter's best day.

Both work on whole numbers (to verify a certificate, without any rounding) and on floats (to look for one): the type of
`worth` decides. `worth[c]` is what one student of class c brings at the present prices. No solver is used here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import allocating
from services.matching.planning.vertices import Integers

# Above so many seats a session is filled fractionally: a bound of its best filling that needs no table of seats.
MOST_SEATS = 4096
UNLIMITED = -1


@allocating
def _fill_block(
    best: Any, origin: Integers, pairs: Integers, seats: int, min_part: int, size: Integers, count: Integers, worth: Any
) -> None:
    """Improve `best[w]`, the most worth on at most w seats, by whole groups and parts of these classes.

    `origin[w]` follows: the seats that were taken before this block. A class larger than the seats comes in parts, and
    one part may have any number of students from `min_part` to the seats.
    """
    part = worth[0] - worth[0]
    for c in pairs:
        if worth[c] <= 0:
            continue
        if size[c] > seats:
            part = max(part, worth[c])
            continue
        left, copies = min(count[c], seats // size[c]), 1
        while left > 0:
            taken = min(copies, left)
            left -= taken
            copies *= 2
            weight = taken * size[c]
            gain = weight * worth[c]
            for w in range(len(best) - 1, weight - 1, -1):
                if best[w - weight] + gain > best[w]:
                    best[w] = best[w - weight] + gain
                    origin[w] = origin[w - weight]
    if part > 0:
        running, at = best[0], 0
        for w in range(min_part, len(best)):
            u = w - min_part
            if best[u] - u * part > running:
                running, at = best[u] - u * part, u
            if running + w * part > best[w]:
                best[w] = running + w * part
                origin[w] = origin[at]


@allocating
def _fill_fractionally(pairs: Integers, seats: int, size: Integers, count: Integers, worth: Any) -> Any:
    """Fill the seats student by student, the worthiest first: never less than the best filling."""
    order = np.argsort(-worth[pairs])
    left, total = seats, worth[0] - worth[0]
    for i in order:
        c = pairs[i]
        if worth[c] <= 0 or left == 0:
            break
        taken = min(left, size[c] * count[c])
        total += taken * worth[c]
        left -= taken
    return total


@allocating
def _most_students(pairs: Integers, seats: int, size: Integers, count: Integers) -> int:
    total = 0
    for c in pairs:
        total += seats if size[c] > seats else size[c] * min(count[c], seats // size[c])
        if total >= seats:
            return seats
    return total


@allocating
def _schools_in(pairs: Integers, school: Integers) -> int:
    schools = 1
    for i in range(1, len(pairs)):
        if school[pairs[i]] != school[pairs[i - 1]]:
            schools += 1
    return schools


@allocating
def _fill_by_schools(
    pairs: Integers,
    school: Integers,
    seats: int,
    room: int,
    most_schools: int,
    min_part: int,
    size: Integers,
    count: Integers,
    worth: Any,
) -> Any:
    """Fill a session from at most so many schools; give the worth and the schools chosen (-1 where none)."""
    best = np.zeros((most_schools + 1, room + 1), worth.dtype)
    chosen = np.full((most_schools + 1, room + 1, most_schools), -1, np.int64)
    origin = np.arange(room + 1)
    low = 0
    while low < len(pairs):
        high = low + 1
        while high < len(pairs) and school[pairs[high]] == school[pairs[low]]:
            high += 1
        for layer in range(most_schools, 0, -1):
            trial = best[layer - 1].copy()
            origin[:] = np.arange(room + 1)
            _fill_block(trial, origin, pairs[low:high], seats, min_part, size, count, worth)
            for w in range(room + 1):
                if trial[w] > best[layer, w]:
                    best[layer, w] = trial[w]
                    chosen[layer, w] = chosen[layer - 1, origin[w]]
                    chosen[layer, w, layer - 1] = school[pairs[low]]
        low = high
    return best[most_schools, room], chosen[most_schools, room]


@allocating
def gains(
    ptr: Integers,
    classes: Integers,
    seats: Integers,
    most_schools: Integers,
    price: Any,
    school: Integers,
    min_part: int,
    size: Integers,
    count: Integers,
    worth: Any,
) -> Any:
    """Give for each vertex how much the worth of its best filling exceeds the price of one session, at least 0."""
    found = np.zeros(len(seats), worth.dtype)
    for v in range(len(seats)):
        pairs = classes[ptr[v] : ptr[v + 1]]
        room = _most_students(pairs, seats[v], size, count)
        most = worth[0] - worth[0]
        for c in pairs:
            most = max(most, worth[c])
        if room * most <= price[v]:
            continue
        if room > MOST_SEATS:
            value = _fill_fractionally(pairs, seats[v], size, count, worth)
        elif most_schools[v] != UNLIMITED and _schools_in(pairs, school) > most_schools[v]:
            value, _ = _fill_by_schools(pairs, school, seats[v], room, most_schools[v], min_part, size, count, worth)
        else:
            best, origin = np.zeros(room + 1, worth.dtype), np.zeros(room + 1, np.int64)
            # The seats, not the room, tell whole groups from parts.
            _fill_block(best, origin, pairs, seats[v], min_part, size, count, worth)
            value = best[room]
        if value > price[v]:
            found[v] = value - price[v]
    return found


@allocating
def filling(  # noqa: C901 - one compiled loop with its way back
    pairs: Integers,
    seats: int,
    most_schools: int,
    school: Integers,
    min_part: int,
    size: Integers,
    count: Integers,
    worth: Any,
) -> Integers:
    """Give the students of each of these classes in a best filling of a session of at most `MOST_SEATS` students."""
    students = np.zeros(len(pairs), np.int64)
    room = min(_most_students(pairs, seats, size, count), MOST_SEATS)
    allowed = np.ones(len(pairs), np.bool_)
    if most_schools != UNLIMITED and _schools_in(pairs, school) > most_schools:
        _, chosen = _fill_by_schools(pairs, school, seats, room, most_schools, min_part, size, count, worth)
        for i in range(len(pairs)):
            allowed[i] = school[pairs[i]] in chosen
    tables = np.zeros((len(pairs) + 1, room + 1), worth.dtype)
    steps = np.zeros((len(pairs), room + 1), np.int64)
    part = -1
    for i in range(len(pairs)):
        c = pairs[i]
        tables[i + 1] = tables[i]
        if not allowed[i] or worth[c] <= 0:
            continue
        if size[c] > seats:
            if part == -1 or worth[c] > worth[pairs[part]]:
                part = i
            continue
        for copies in range(1, min(count[c], seats // size[c]) + 1):
            weight = copies * size[c]
            for w in range(room, weight - 1, -1):
                if tables[i, w - weight] + weight * worth[c] > tables[i + 1, w]:
                    tables[i + 1, w] = tables[i, w - weight] + weight * worth[c]
                    steps[i, w] = weight
    w = room
    if part != -1:
        best, at = tables[len(pairs), room], room
        for u in range(room - min_part + 1):
            if tables[len(pairs), u] + (room - u) * worth[pairs[part]] > best:
                best, at = tables[len(pairs), u] + (room - u) * worth[pairs[part]], u
        students[part] = room - at
        w = at
    for i in range(len(pairs) - 1, -1, -1):
        students[i] += steps[i, w]
        w -= steps[i, w]
    return students


@allocating
def fillings(
    selected: Integers,
    ptr: Integers,
    classes: Integers,
    seats: Integers,
    most_schools: Integers,
    school: Integers,
    min_part: int,
    size: Integers,
    count: Integers,
    worth: Any,
) -> Integers:
    """Fill each selected vertex best: the students of each of its classes, vertex after vertex."""
    total = 0
    for v in selected:
        total += ptr[v + 1] - ptr[v]
    students = np.zeros(total, np.int64)
    at = 0
    for v in selected:
        pairs = classes[ptr[v] : ptr[v + 1]]
        students[at : at + len(pairs)] = filling(pairs, seats[v], most_schools[v], school, min_part, size, count, worth)
        at += len(pairs)
    return students


@allocating
def best_day(  # noqa: C901 - one compiled loop; a call for each piece would hide the recurrence
    first: Integers,
    last: Integers,
    minutes: Integers,
    place: Integers,
    gain: Any,
    travel: NDArray[np.int32],
    most_sessions: int,
    step: int,
    uses: Integers,
) -> Any:
    """Plan one presenter's day of most gain: sessions one after another, journeys between them, starts on the step.

    All arrays have one entry for each vertex of that day; `first`, `last` are minutes of the day, `place` indexes
    `travel`. Adds to `uses[v]` how often the day uses vertex v. At most `most_sessions` sessions, -1 for no limit.
    """
    limited = most_sessions != UNLIMITED
    layers = most_sessions + 1 if limited else 1
    places, until = len(travel), int(np.max(last + minutes)) + 1
    # value[k, p, t]: the best day so far of k sessions (any, if unlimited), the last one at p and over by minute t
    value = np.zeros((layers, places, until + 1), gain.dtype)
    node = np.full((layers, places, until + 1), -1, np.int64)
    node_vertex, node_before = [0], [-1]
    best, best_node = gain[0] - gain[0], -1
    for t in range(int(np.min(first)), until + 1):
        if t > 0:
            for k in range(layers):
                for p in range(places):
                    if value[k, p, t - 1] > value[k, p, t]:
                        value[k, p, t] = value[k, p, t - 1]
                        node[k, p, t] = node[k, p, t - 1]
        if (t % 60) % step != 0:
            continue
        for v in range(len(first)):
            if t < first[v] or t > last[v] or gain[v] <= 0:
                continue
            for k in range(1 if limited else 0, layers):
                before = k - 1 if limited else 0
                total, source = gain[v], -1
                for p in range(places):
                    ready = t - travel[p, place[v]]
                    if ready >= 0 and node[before, p, ready] != -1 and value[before, p, ready] + gain[v] > total:
                        total, source = value[before, p, ready] + gain[v], node[before, p, ready]
                end = t + minutes[v]
                if total > value[k, place[v], end]:
                    node_vertex.append(v)
                    node_before.append(source)
                    value[k, place[v], end] = total
                    node[k, place[v], end] = len(node_vertex) - 1
                    if total > best:
                        best, best_node = total, len(node_vertex) - 1
    while best_node != -1:
        uses[node_vertex[best_node]] += 1
        best_node = node_before[best_node]
    return best


@allocating
def best_days(
    ptr: Integers,
    order: Integers,
    most_sessions: Integers,
    first: Integers,
    last: Integers,
    minutes: Integers,
    place: Integers,
    gain: Any,
    travel: NDArray[np.int32],
    travel_at: Integers,
    places: Integers,
    step: int,
    uses: Integers,
) -> Any:
    """Plan the best day of every presenter and date; give its gain for each, and add to `uses` for each vertex.

    Day d has the vertices `order[ptr[d]:ptr[d+1]]`; its places' journeys are `places[d]` squared entries of `travel`
    from `travel_at[d]` on. `first` and `last` are minutes of the day.
    """
    totals = np.zeros(len(most_sessions), gain.dtype)
    for d in range(len(most_sessions)):
        mine = order[ptr[d] : ptr[d + 1]]
        mine = mine[gain[mine] > 0]
        if len(mine) == 0 or most_sessions[d] == 0:
            continue
        top = mine[np.argmax(gain[mine])]
        alone = most_sessions[d] == 1
        if not alone:
            shortest = np.min(minutes[mine])
            alone = np.max(last[mine]) < np.min(first[mine]) + shortest
        if alone:
            totals[d] = gain[top]
            uses[top] += 1
            continue
        table = travel[travel_at[d] : travel_at[d] + places[d] * places[d]].reshape(places[d], places[d])
        counted = np.zeros(len(mine), np.int64)
        totals[d] = best_day(
            first[mine], last[mine], minutes[mine], place[mine], gain[mine], table, most_sessions[d], step, counted
        )
        for i in range(len(mine)):
            uses[mine[i]] += counted[i]
    return totals
