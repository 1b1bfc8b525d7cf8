"""Callbacks that do not keep their owner alive.

What holds a part and is called back by it is a circle, which only a full garbage collection finds; that costs the clock
of the media its punctuality. A part that calls back weakly lets its owner go with the last of its users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

P = ParamSpec("P")
R = TypeVar("R")


def weakly(method: Callable[P, R]) -> Callable[P, R]:
    """Return a bound method as a callable that does not keep its object alive.

    For parts whose owner outlives every call they make; calling it later raises ``ReferenceError``.
    """
    held = WeakMethod(method)
    name = getattr(method, "__qualname__", "a callback")

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        alive = held()
        if alive is None:
            raise ReferenceError(f"the owner of {name} is gone")
        return alive(*args, **kwargs)

    return call
