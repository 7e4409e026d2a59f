"""Messages between the planning process and its workers: pickled, each with its length before it."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

from services.matching.planning.collecting import nothing_collected

_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message; raises OSError if the other side has gone."""
    with nothing_collected():
        body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; raises EOFError when the other side has gone."""
    head = _exactly(stream, _LENGTH.size)
    body = _exactly(stream, _LENGTH.unpack(head)[0])
    with nothing_collected():
        return pickle.loads(body)  # noqa: S301  # our own child process wrote it


def _exactly(stream: IO[bytes], count: int) -> bytes:
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
