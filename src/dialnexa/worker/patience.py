"""How work outlasts a database that is away, and a bug: what passes by itself is waited for, all else is logged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dialnexa.kit.clock import Clock

log = structlog.get_logger(__name__)

T = TypeVar("T")


def is_away(error: Exception) -> bool:
    """Tell whether the database cannot be reached, is locked or is full: the same transaction may succeed later."""
    if isinstance(error, OSError | OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


async def patiently(work: Callable[[], Awaitable[T]], clock: Clock, *, every_s: float, waiting: str) -> T:
    """Try some work, whole each time, until the database is there for it; ``waiting`` is what the log says meanwhile.

    Raises what does not pass by itself.
    """
    while True:
        try:
            return await work()
        except (SQLAlchemyError, OSError) as error:
            if not is_away(error):
                raise
            log.warning(waiting, error=repr(error))
        await clock.sleep(every_s)


@contextmanager
def one_round(name: str) -> Generator[None]:
    """Do one round of what a worker does again and again; what goes wrong in it is logged, and the next one comes.

    The log says ``round_missed`` when it was the database, ``round_broke`` when it was a bug.
    """
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        log.warning("round_missed", of=name, error=repr(error))
    except Exception:  # a loop that stops for good costs more than any round: a lease, new trunks, hang-ups
        log.exception("round_broke", of=name)
