"""Messages between the planning process and its workers: pickled, each with its length before it."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

from services.matching.planning.collecting import nothing_collected

_LENGTH = struct.Struct("<Q")


def packed(message: Any) -> bytes:
    """Pickle a message that is to be sent more than once."""
    with nothing_collected():
        return pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message; raises OSError if the other side has gone."""
    send_packed(stream, packed(message))


def send_packed(stream: IO[bytes], body: bytes) -> None:
    """Write one message that is pickled already; raises OSError if the other side has gone."""
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
