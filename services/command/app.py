"""The product's one command, `encounters`: the composition root, the one place that may import every service."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

HOMES = {
    "solve": "solving", "check": "planning", "explain": "planning", "scenario": "scenario",
    "demo": "demo", "up": "up", "down": "up", "run": "up", "migrate": "up", "letters": "letters", "review": "review",
    "import": "importing", "export-problem": "export_problem",
    "account": "accounts", "token": "accounts",
}  # fmt: skip
"""Module of this package that each command lives in; only that one is loaded, so that `check` starts fast."""

_HELP = """Plan a year of encounters between employers and students for a whole careers hub.

\b
With planning files alone, no service:   scenario, solve, check, explain
The product on this machine:             demo, up, down
The product spread over machines:        migrate, run
Who may come in:                         account, token
What it knows, in and out:               import, export-problem
A coordinator's work:                    review
What could not be read:                  letters
"""


def build(homes: Iterable[str]) -> typer.Typer:
    """Give the command with the subcommands that live in these modules."""
    import typer

    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=_HELP)
    app.callback()(_nothing)
    for home in dict.fromkeys(homes):
        import_module(f"services.command.{home}").register(app)
    return app


def _nothing() -> None:
    """Keep subcommands named even where only one is loaded."""


def main() -> None:
    """Run the command; while it loads, Ctrl-C ends it at once and without a trace, as SIGTERM does."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    wanted = HOMES.get(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        from typer.main import get_command

        command = get_command(build([wanted] if wanted else HOMES.values()))
        signal.signal(signal.SIGINT, heard)
        command()
    except Exception as fault:
        said = in_words(fault)
        if said is None:
            raise
        print(f"encounters: {said}", file=sys.stderr)
        sys.exit(2)


def in_words(fault: Exception) -> str | None:
    """Say what is wrong around the product, and what to do; None for a fault of its own, whose trace is needed.

    Libraries are known by name, so that none is loaded for this.
    """
    kind = type(fault).__name__
    match type(fault).__module__.partition(".")[0]:
        case "pydantic_core" if getattr(fault, "title", "") == "Settings":
            errors: list[dict[str, Any]] = fault.errors()  # type: ignore[attr-defined]
            return "; ".join(f"the setting {str(one['loc'][0]).upper()}: {one['msg']}" for one in errors)
        case "sqlalchemy" | "asyncpg":
            return (
                f"the database can't be used ({kind}): is it up, does DATABASE_URL lead to it, "
                "and has `encounters migrate` been run?"
            )
        case "aiokafka":
            return f"Kafka can't be used ({kind}): is it up, and does KAFKA_BOOTSTRAP_SERVERS lead to it?"
    if isinstance(fault, ConnectionError | TimeoutError):
        return f"Kafka or the database does not answer ({fault or kind}): are they up, and their addresses right?"
    if isinstance(fault, OSError):
        return f"{fault.strerror or kind}{f': {fault.filename}' if fault.filename else ''}"
    return None


if __name__ == "__main__":
    main()
