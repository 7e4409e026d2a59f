"""The one way in which this package compiles its loops.

Machine code is kept on disk. A loop that is compiled holds a copy of those that it calls, so what is kept is only good for
the very sources that it was made from: it lies in a folder named by all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar, cast

import numba

_njit: Any = numba.njit
_HOW: dict[str, Any] = {"cache": True, "nogil": True, "boundscheck": False}
F = TypeVar("F", bound=Callable[..., Any])
_HERE = Path(__file__).parent


def folder_for(sources: Path) -> Path:
    """Give the folder for machine code: beside the sources, or in the user's cache where these are another's (in an image)."""
    return sources / "__pycache__" if os.access(sources, os.W_OK) else Path.home() / ".cache" / "seven-encounters"


_KEPT = folder_for(_HERE)


def _sources() -> str:
    digest = sha256()
    for path in sorted(_HERE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


KEPT_HERE = _KEPT / f"compiled-{_sources()}"
numba.config.CACHE_DIR = str(KEPT_HERE)  # type: ignore[attr-defined]  # made at run time


def _do_without_linear_algebra() -> None:
    """Load numba's arrays as where there is no BLAS: looking for one loads all of scipy.linalg, a third of a second in each worker.

    A loop that multiplies matrices would be refused when it is compiled.
    """
    if "scipy.linalg" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]


_do_without_linear_algebra()


def compiled(function: F) -> F:
    """Compile a loop over arrays to machine code, kept on disk; it runs without the interpreter's lock.

    For loops that make no array: numba then counts no references to them, which took most of the time where a board and a
    state of some hundred arrays are handed about.
    """
    return cast("F", _njit(**_HOW, _nrt=False)(function))


def inlined(function: F) -> F:
    """Compile a loop that makes no array into each of its callers: a call would hand over some hundred arrays."""
    return cast("F", _njit(**_HOW, _nrt=False, forceinline=True)(function))


def allocating(function: F) -> F:
    """Compile a loop that makes arrays or lists of its own (said outright, else it would go by the loop that calls it)."""
    return cast("F", _njit(**_HOW, _nrt=True)(function))


def forget_others() -> None:
    """Remove what was compiled from other versions of the sources."""
    for folder in _KEPT.glob("compiled-*"):
        if folder != KEPT_HERE:
            rmtree(folder, ignore_errors=True)
