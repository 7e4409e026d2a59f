"""The product's one command, `encounters`: the composition root, the one place that may import every service."""

from __future__ import annotations

import typer

from services.command import planning, scenario


def build() -> typer.Typer:
    """Give the command with all its subcommands."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Plan a year of encounters between employers and students for a whole careers hub.",
    )
    planning.register(app)
    scenario.register(app)
    return app


def main() -> None:
    """Run the command."""
    build()()
