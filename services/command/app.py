"""The product's one command, `encounters`: the composition root, the one place that may import every service."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module

import typer

HOMES = {
    "solve": "planning", "check": "planning", "explain": "planning", "scenario": "scenario",
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
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=_HELP)
    app.callback()(_nothing)
    for home in dict.fromkeys(homes):
        import_module(f"services.command.{home}").register(app)
    return app


def _nothing() -> None:
    """Keep subcommands named even where only one is loaded."""


def main() -> None:
    """Run the command."""
    wanted = HOMES.get(sys.argv[1]) if len(sys.argv) > 1 else None
    build([wanted] if wanted else HOMES.values())()


if __name__ == "__main__":
    main()
