"""Tells an operator's mistakes from bugs, and says what they are in a sentence. Bugs keep their traces."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.exc import ArgumentError, OperationalError

from dialnexa.cli.mistakes import Mistake
from dialnexa.platform.migrations import WrongSchema
from dialnexa.platform.wire import sentences
from dialnexa.settings import Settings


def explain(error: Exception) -> str | None:
    """Return a sentence for an error that an operator can mend, ``None`` for any other."""
    match error:
        case Mistake() | WrongSchema():
            return str(error)
        case ValidationError() if error.title == "Settings":
            return "\n".join(map(_of_setting, error.errors()))
        case ArgumentError():
            return f"DIALNEXA_DATABASE_URL is no address of a database ({error}). Leave it out to use SQLite."
        case OperationalError():
            why = _first_line(error.orig or error)
            return f"The database cannot be used: {why}. Check DIALNEXA_DATABASE_URL and --data."
        case OSError() if error.filename:
            return f"{error.filename}: {error.strerror}. Name a folder you may write to with --data."
        case _:
            return None


def _of_setting(mistake: ErrorDetails) -> str:
    """Return a sentence for a setting that cannot be. What may be a secret is not repeated."""
    if not mistake["loc"]:  # several that do not fit together; the input is all of them
        return f"{mistake.get('ctx', {}).get('error', mistake['msg'])}."
    name = str(mistake["loc"][0])
    variable = f"DIALNEXA_{name.upper()}"
    (sentence,) = sentences([mistake], {name: variable})
    given = f"={mistake['input']}" if Settings.model_fields[name].repr else ""
    return f"{variable}{given}: {sentence.removeprefix(variable).lstrip(': ')}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
