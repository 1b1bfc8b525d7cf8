"""Which failures of the database pass by themselves: those are waited for, all others never are."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


def is_away(error: Exception) -> bool:
    """Tell whether the database cannot be reached, is locked or is full: the same transaction may succeed later."""
    if isinstance(error, OSError | OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
