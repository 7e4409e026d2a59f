"""The one way in which this package compiles its loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a loop over arrays to machine code, kept on disk beside the module; it runs without the interpreter's lock."""
    return cast("F", numba.njit(cache=True, nogil=True, boundscheck=False)(function))


def inlined(function: F) -> F:
    """Compile a small loop into each of its callers: a call would hand over some hundred arrays."""
    return cast("F", numba.njit(cache=True, nogil=True, boundscheck=False, forceinline=True)(function))
