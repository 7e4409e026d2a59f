"""Logs go to standard error, also to one that has taken the place of another since."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
import structlog

from shared.logging import configure_logging, get_logger


def test_logs_follow_standard_error_when_the_first_one_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    handlers, level, first, second = root.handlers[:], root.level, io.StringIO(), io.StringIO()
    try:
        monkeypatch.setattr(sys, "stderr", first)
        configure_logging()
        monkeypatch.setattr(sys, "stderr", second)
        first.close()
        get_logger().error("confirmations.mail.unwritable", party="E0001")
        logging.getLogger("aiokafka").error("away")
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = handlers, level
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == [
        "confirmations.mail.unwritable",
        "away",
    ]
