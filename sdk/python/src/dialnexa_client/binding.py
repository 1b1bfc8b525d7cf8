"""Turns an operation into a method: parameters, docstring and result stay, only how it is carried out differs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from dialnexa_client.exchange import Core, Plan
from dialnexa_client.paging import AsyncFollowing, AsyncListing, Feed, Following, Listing, Search

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


class AsyncRuns(Protocol):
    """Carries plans out without blocking."""

    @property
    def core(self) -> Core:
        """Return what plans are made with."""
        ...

    def run(self, plan: Plan[T]) -> Coroutine[Any, Any, T]:
        """Carry a plan out."""
        ...


class Resource:
    """A group of operations of a blocking client."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs


class AsyncResource:
    """A group of operations of an async client."""

    def __init__(self, runs: AsyncRuns) -> None:
        self.runs = runs


def method(operation: Callable[Concatenate[Core, P], Plan[T]]) -> Callable[Concatenate[Resource, P], T]:
    """Return an operation as a blocking method."""

    @wraps(operation)
    def call(self: Resource, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.runs.run(operation(self.runs.core, *args, **kwargs))

    return call


def listing(operation: Callable[Concatenate[Core, P], Search[T]]) -> Callable[Concatenate[Resource, P], Listing[T]]:
    """Return a search as a method that gives a list to loop over."""

    @wraps(operation)
    def call(self: Resource, *args: P.args, **kwargs: P.kwargs) -> Listing[T]:
        return Listing(operation(self.runs.core, *args, **kwargs), self.runs.run)

    return call


def following(operation: Callable[Concatenate[Core, P], Feed[T]]) -> Callable[Concatenate[Resource, P], Following[T]]:
    """Return a feed as a method that gives something to loop over without end."""

    @wraps(operation)
    def call(self: Resource, *args: P.args, **kwargs: P.kwargs) -> Following[T]:
        return Following(operation(self.runs.core, *args, **kwargs), self.runs.run)

    return call


def async_following(
    operation: Callable[Concatenate[Core, P], Feed[T]],
) -> Callable[Concatenate[AsyncResource, P], AsyncFollowing[T]]:
    """Return a feed as a method that gives something to loop over without end, with ``async for``."""

    @wraps(operation)
    def call(self: AsyncResource, *args: P.args, **kwargs: P.kwargs) -> AsyncFollowing[T]:
        return AsyncFollowing(operation(self.runs.core, *args, **kwargs), self.runs.run)

    return call


def async_method(
    operation: Callable[Concatenate[Core, P], Plan[T]],
) -> Callable[Concatenate[AsyncResource, P], Coroutine[Any, Any, T]]:
    """Return an operation as a method to await."""

    @wraps(operation)
    def call(self: AsyncResource, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.runs.run(operation(self.runs.core, *args, **kwargs))

    return call


def async_listing(
    operation: Callable[Concatenate[Core, P], Search[T]],
) -> Callable[Concatenate[AsyncResource, P], AsyncListing[T]]:
    """Return a search as a method that gives a list to loop over with ``async for``."""

    @wraps(operation)
    def call(self: AsyncResource, *args: P.args, **kwargs: P.kwargs) -> AsyncListing[T]:
        return AsyncListing(operation(self.runs.core, *args, **kwargs), self.runs.run)

    return call
