"""Structured logs: dotted facts with ids and counts, never a person's data."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger


class _StandardError:
    """Whatever standard error is at the moment: the one at the start may have been put aside and closed since."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logging(level: str = "INFO", style: str = "json") -> None:
    """Send the product's and its libraries' logs to standard error, one event a line."""
    stream: Any = _StandardError()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


def get_logger(**bound: Any) -> FilteringBoundLogger:
    """Logger with some values bound, such as `service="intake"`."""
    logger: FilteringBoundLogger = structlog.get_logger(**bound)
    return logger


def where(error: BaseException) -> str:
    """Tell where in our own code an error arose, without its message: a database's messages quote people's data."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else "outside"


class BrokerLogger:
    """What FastStream logs, as structlog events."""

    def __init__(self, service: str) -> None:
        self._logger = get_logger(service=service)

    def log(
        self,
        level: int,
        msg: object,
        /,
        *,
        exc_info: Any = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Take one of FastStream's log lines; its "Received" and "Processed" chatter is only for debugging."""
        quiet = level <= logging.INFO
        self._logger.log(
            logging.DEBUG if quiet else level, "broker.said", said=str(msg), exc_info=exc_info, **dict(extra or {})
        )
