"""Tells an operator's mistakes from bugs, and says what they are in a sentence. Bugs keep their traces."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, OperationalError

from dialnexa.cli.mistakes import Mistake
from dialnexa.platform.migrations import WrongSchema


def explain(error: Exception) -> str | None:
    """Return a sentence for an error that an operator can mend, ``None`` for any other."""
    match error:
        case Mistake() | WrongSchema():
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
