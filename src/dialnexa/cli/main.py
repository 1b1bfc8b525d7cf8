"""The ``dialnexa`` command. Each sub-command is a module that is imported only when it is asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class _Command:
    """Where a sub-command lives, and what it does in a line."""

    module: str
    attribute: str
    summary: str

    def load(self, name: str) -> Any:
        """Import it, with all it needs."""
        found = getattr(import_module(self.module), self.attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(name)(found)
            found = alone
        return typer.main.get_command(found)


COMMANDS = {
    "up": _Command("dialnexa.cli.up", "up", "Start everything on this machine, place a demo call, and stay up."),
    "api": _Command("dialnexa.cli.api", "api", "Serve the HTTP API."),
    "worker": _Command("dialnexa.cli.worker", "worker", "Carry calls: SIP, RTP and conversations."),
    "migrate": _Command("dialnexa.cli.migrate", "migrate", "Create or upgrade the tables; safe to run again."),
    "backup": _Command(
        "dialnexa.cli.backup.commands", "backup", "Write the whole installation into one file, while it works."
    ),
    "restore": _Command("dialnexa.cli.backup.commands", "restore", "Put a backup into an empty folder."),
    "keys": _Command("dialnexa.cli.keys", "keys", "Print the API keys and the demo agent's ids."),
    "workspace": _Command("dialnexa.cli.workspace", "app", "Decide about a workspace: KYC, wallet."),
    "call": _Command("dialnexa.cli.call", "call", "Place a call and print what is said."),
    "doctor": _Command("dialnexa.cli.doctor", "doctor", "Check ports, NAT, trunks, models and disk."),
    "bench": _Command("dialnexa.cli.bench", "app", "Measure what one core of this machine carries."),
}


class Commands(TyperGroup):
    """The sub-commands, with their operator's mistakes explained on standard error and exit code 1."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was asked for in place of its entry in the list, which is all that help needs."""
        name, entry, rest = super().resolve_command(ctx, args)
        return name, COMMANDS[name].load(name) if name in COMMANDS else entry, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            # What tells mistakes from bugs knows the database and the settings: too much to load for all to go well.
            sentence = import_module("dialnexa.cli.explaining").explain(error)
            if sentence is None:
                raise
            typer.secho(sentence, fg="red", err=True)
            sys.exit(1)


app = typer.Typer(
    name="dialnexa",
    cls=Commands,
    help="A self-hosted platform for AI voice agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _entry() -> None:
    """Stand in the list of commands; ``Commands.resolve_command`` puts the real one in its place."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.summary)(_entry)

if __name__ == "__main__":
    app()
