"""Turns an operation into a method of both clients: parameters and docstring stay, only how it is carried out differs.

A group is written once. Which client it belongs to is in its type, so the same method gives a blocking client's users
what they asked for, and an async client's something to await.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from dialnexa_client.exchange import Core, Plan
from dialnexa_client.paging import AsyncListing, Listing, Search
from dialnexa_client.streaming import AsyncFollowing, Feed, Following

P = ParamSpec("P")
T = TypeVar("T")


class Runs(Protocol):
    """Carries plans out and returns when they are done."""

    @property
    def core(self) -> Core:
        """Return what plans are made with."""
        ...

    def run(self, plan: Plan[T]) -> T:
        """Carry a plan out."""
        ...

    def listing(self, search: Search[T]) -> Listing[T]:
        """Return a search as a list to loop over."""
        ...

    def following(self, feed: Feed[T]) -> Following[T]:
        """Return a feed as something to loop over without end."""
        ...


class AsyncRuns(Protocol):
    """Carries plans out without blocking."""

    @property
    def core(self) -> Core:
        """Return what plans are made with."""
        ...

    def run(self, plan: Plan[T]) -> Coroutine[Any, Any, T]:
        """Carry a plan out."""
        ...

    def listing(self, search: Search[T]) -> AsyncListing[T]:
        """Return a search as a list to loop over with ``async for``."""
        ...

    def following(self, feed: Feed[T]) -> AsyncFollowing[T]:
        """Return a feed as something to loop over without end, with ``async for``."""
        ...


R = TypeVar("R", Runs, AsyncRuns)


class Resource(Generic[R]):
    """A group of operations of a client of either kind."""

    def __init__(self, runs: R) -> None:
        self.runs = runs


class _Operation(Generic[P]):
    """A method that carries out what an operation plans, in the manner of the client it is called on."""

    def __init__(self, operation: Callable[Concatenate[Core, P], Any], carry_out: Callable[[Any, Any], Any]) -> None:
        @wraps(operation)
        def call(resource: Resource[Any], *args: P.args, **kwargs: P.kwargs) -> Any:
            return carry_out(resource.runs, operation(resource.runs.core, *args, **kwargs))

        self.__wrapped__ = operation
        self.__doc__ = operation.__doc__
        self._call = call

    def bind(self, resource: Resource[Any] | None) -> Any:
        """Return the method of one resource; of none, its bare function."""
        return self._call if resource is None else MethodType(self._call, resource)


class method(_Operation[P], Generic[P, T]):
    """An operation with one answer."""

    def __init__(self, operation: Callable[Concatenate[Core, P], Plan[T]]) -> None:
        super().__init__(operation, lambda runs, plan: runs.run(plan))

    @overload
    def __get__(self, resource: Resource[Runs], owner: object = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[AsyncRuns], owner: object = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        return self.bind(resource)


class listing(_Operation[P], Generic[P, T]):
    """A search, as a list to loop over."""

    def __init__(self, operation: Callable[Concatenate[Core, P], Search[T]]) -> None:
        super().__init__(operation, lambda runs, search: runs.listing(search))

    @overload
    def __get__(self, resource: Resource[Runs], owner: object = None) -> Callable[P, Listing[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncRuns], owner: object = None) -> Callable[P, AsyncListing[T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        return self.bind(resource)


class following(_Operation[P], Generic[P, T]):
    """A feed, as something to loop over without end."""

    def __init__(self, operation: Callable[Concatenate[Core, P], Feed[T]]) -> None:
        super().__init__(operation, lambda runs, feed: runs.following(feed))

    @overload
    def __get__(self, resource: Resource[Runs], owner: object = None) -> Callable[P, Following[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncRuns], owner: object = None) -> Callable[P, AsyncFollowing[T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        return self.bind(resource)
