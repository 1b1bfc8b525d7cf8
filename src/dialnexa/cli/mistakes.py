"""What an operator can get wrong, told in a sentence instead of a stack trace. Bugs keep their traces."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import ArgumentError, OperationalError
from typer.core import TyperGroup


class Mistake(Exception):
    """Something outside the program keeps a command from working; the message says what, and what to do."""


class Commands(TyperGroup):
    """The sub-commands, with their operator's mistakes explained on standard error and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (Mistake, ValidationError, ArgumentError, OperationalError, OSError) as error:
            sentence = explain(error)
            if sentence is None:
                raise
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]{escape(sentence)}[/red]")
            sys.exit(1)


def explain(error: Exception) -> str | None:
    """Return a sentence for an error that an operator can mend, ``None`` for any other."""
    match error:
        case Mistake():
            return str(error)
        case ValidationError() if error.title == "Settings":
            return "\n".join(
                f"DIALNEXA_{'_'.join(map(str, each['loc'])).upper()}={each['input']}: {each['msg']}."
                for each in error.errors()
            )
        case ArgumentError():
            return f"DIALNEXA_DATABASE_URL is no address of a database ({error}). Leave it out to use SQLite."
        case OperationalError():
            why = _first_line(error.orig or error)
            return f"The database cannot be used: {why}. Check DIALNEXA_DATABASE_URL and --data."
        case OSError() if error.filename:
            return f"{error.filename}: {error.strerror}. Name a folder you may write to with --data."
        case _:
            return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
