"""Vertices: an offer, a school (or none) and the starts of one date at which the same groups are able to attend.

A *key* is the set of groups of one place that have the same windows and the same journey: they are able together. A
*site* is the school of an in-school session; a visit or a live call has one site, and its keys come from many schools.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.planning.compiled import allocating

Ints = NDArray[np.int64]
MINUTES_A_DAY = 1440


@allocating
def starts_of_windows(windows: Ints, duration: int, step: int) -> Ints:
    """Return the sorted distinct starts on the step at which `duration` minutes fit into one window (sorted by start)."""
    longest = 0
    for w in range(windows.shape[0]):
        longest += max(0, windows[w, 1] - windows[w, 0] - duration + 1)
    out = np.empty(longest, np.int64)
    count = 0
    for w in range(windows.shape[0]):
        for t in range(windows[w, 0], windows[w, 1] - duration + 1):
            if (t % 60) % step == 0 and (count == 0 or t > out[count - 1]):
                out[count] = t
                count += 1
    return out[:count].copy()


@allocating
def _runs_of_days(starts: Ints) -> Ints:
    """Return where each date's starts begin, and the end."""
    runs = np.empty(starts.shape[0] + 1, np.int64)
    count = 0
    for i in range(starts.shape[0]):
        if i == 0 or starts[i] // MINUTES_A_DAY != starts[i - 1] // MINUTES_A_DAY:
            runs[count] = i
            count += 1
    runs[count] = starts.shape[0]
    return runs[: count + 1].copy()


@allocating
def _able(starts: Ints, runs: Ints, windows: Ints, margin: int, duration: int, out: Ints) -> int:
    """List the starts (by index, each once) at which a session with its journeys lies inside one of the windows."""
    count = 0
    for r in range(runs.shape[0] - 1):
        midnight = starts[runs[r]] // MINUTES_A_DAY * MINUTES_A_DAY
        first = np.searchsorted(windows[:, 0], midnight)
        for i in range(runs[r], runs[r + 1]):
            w = first
            while w < windows.shape[0] and windows[w, 0] <= starts[i] - margin:
                if windows[w, 1] >= starts[i] + duration + margin:
                    out[count] = i
                    count += 1
                    break
                w += 1
    return count


@allocating
def _gather(runs: Ints, stamp: Any, able: Ints, vertex: Ints, first: Ints, base: int) -> int:
    """Gather the starts of one date with one fingerprint into a vertex; return the number of vertices afterwards."""
    count = base
    for r in range(runs.shape[0] - 1):
        day_from = count
        for i in range(runs[r], runs[r + 1]):
            vertex[i] = -1
            if able[i] == 0:
                continue
            for v in range(day_from, count):
                if stamp[first[v]] == stamp[i]:
                    vertex[i] = v
                    break
            if vertex[i] < 0:
                first[count] = i
                vertex[i] = count
                count += 1
    return count


@allocating
def vertices_of_offer(
    starts: Ints,
    duration: int,
    windows: Ints,
    window_first: Ints,
    key_calendar: Ints,
    key_margin: Ints,
    key_stamp: Any,
    site_first: Ints,
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Return the vertices of one offer.

    `windows[window_first[c]:window_first[c + 1]]` are the windows of calendar set `c`; keys `site_first[s]` to
    `site_first[s + 1]` belong to site `s`. Returned: each vertex's site; (vertex, start) pairs in two arrays; (vertex,
    key) pairs in two arrays.
    """
    runs = _runs_of_days(starts)
    n, sites, keys = starts.shape[0], site_first.shape[0] - 1, key_calendar.shape[0]
    stamp, able = np.empty(n, np.uint64), np.empty(n, np.int64)
    vertex, touched = np.empty(n, np.int64), np.empty(n, np.int64)
    first, site_of = np.empty(n * sites, np.int64), np.empty(n * sites, np.int64)
    pair_vertex, pair_start = np.empty(n * sites, np.int64), np.empty(n * sites, np.int64)
    hit_first, hits = np.empty(keys + 1, np.int64), np.empty(n * keys, np.int32)
    able_vertex, able_key = np.empty(n * keys, np.int64), np.empty(n * keys, np.int64)
    vertices = pairs = ables = hit = 0
    for s in range(sites):
        stamp[:] = 0
        able[:] = 0
        for k in range(site_first[s], site_first[s + 1]):
            c = key_calendar[k]
            seen = _able(starts, runs, windows[window_first[c] : window_first[c + 1]], key_margin[k], duration, touched)
            hit_first[k] = hit
            for i in range(seen):
                stamp[touched[i]] += key_stamp[k]
                able[touched[i]] += 1
                hits[hit] = touched[i]
                hit += 1
        hit_first[site_first[s + 1]] = hit
        base = vertices
        vertices = _gather(runs, stamp, able, vertex, first, base)
        site_of[base:vertices] = s
        for i in range(n):
            if vertex[i] >= 0:
                pair_vertex[pairs] = vertex[i]
                pair_start[pairs] = starts[i]
                pairs += 1
        for k in range(site_first[s], site_first[s + 1]):
            for h in range(hit_first[k], hit_first[k + 1]):
                v = vertex[hits[h]]
                if first[v] == hits[h]:
                    able_vertex[ables] = v
                    able_key[ables] = k
                    ables += 1
    return (
        site_of[:vertices].copy(),
        pair_vertex[:pairs].copy(),
        pair_start[:pairs].copy(),
        able_vertex[:ables].copy(),
        able_key[:ables].copy(),
    )
