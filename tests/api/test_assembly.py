"""How the application is put together: what every request pays for."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIRouter

from dialnexa.api.app import _routes  # pyright: ignore[reportPrivateUsage]  # all routes, without an application


def routes(router: APIRouter) -> Iterator[APIRoute]:
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if isinstance(inner, APIRouter):
            yield from routes(inner)
        elif isinstance(route, APIRoute):
            yield route


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from calls(dependency)


def test_no_request_goes_to_a_thread_for_what_waits_for_nothing() -> None:
    """FastAPI runs plain functions in threads, dependencies too: a hop each."""
    found = list(routes(_routes()))
    assert len(found) > 200
    plain = {
        f"{route.path}: {call}"
        for route in found
        for call in calls(route.dependant)
        if callable(call) and not iscoroutinefunction(call) and not iscoroutinefunction(type(call).__call__)
    }
    assert plain == set()
