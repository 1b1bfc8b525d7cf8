"""The ``dialnexa`` command: one sub-command per module beside this file."""

from __future__ import annotations

import typer

from dialnexa.cli import bench, call, doctor, keys, migrate, roles, up
from dialnexa.cli.mistakes import Commands

app = typer.Typer(
    name="dialnexa",
    cls=Commands,
    help="A self-hosted platform for AI voice agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("api")(roles.api)
app.command("worker")(roles.worker)
app.command("migrate")(migrate.migrate)
app.command("keys")(keys.keys)
app.command("call")(call.call)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)

if __name__ == "__main__":
    app()
