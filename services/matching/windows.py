"""Arithmetic with the windows of one calendar: sorted, not overlapping, and never joined where they only touch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.matching.planning.model import Minute, Window

Windows = tuple[Window, ...]


def without(windows: Sequence[Window], start: Minute, end: Minute) -> Windows:
    """Cut the stretch `[start, end)` out; what is left of a window before and after it stays."""
    left: list[Window] = []
    for window in windows:
        if window.end <= start or window.start >= end:
            left.append(window)
            continue
        if window.start < start:
            left.append(Window(window.start, start))
        if window.end > end:
            left.append(Window(end, window.end))
    return tuple(left)


def from_moment(windows: Sequence[Window], moment: Minute) -> Windows:
    """Keep what lies at or after a moment."""
    return tuple(Window(max(window.start, moment), window.end) for window in windows if window.end > moment)


def holding(windows: Sequence[Window], start: Minute, end: Minute) -> Window | None:
    """Find the window that a stretch lies in whole."""
    return next((window for window in windows if window.start <= start and end <= window.end), None)


def joined(windows: Iterable[Window]) -> Windows:
    """Sort windows and join those that overlap."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.start < found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return tuple(found)
