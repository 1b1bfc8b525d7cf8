"""The few shapes all operations have: read one thing, read a plain list, write something."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from dialnexa_client.decoding import decode, reader
from dialnexa_client.errors import UnexpectedAnswer
from dialnexa_client.exchange import Core, Plan, Query, Reply, Request

T = TypeVar("T")


def get(core: Core, path: str, model: type[T], query: Query | None = None) -> Plan[T]:
    """Plan to read one thing."""
    return core.ask(Request("GET", path, reader(model), query or {}))


def items(core: Core, path: str, model: type[T]) -> Plan[tuple[T, ...]]:
    """Plan to read a list that comes whole, as a bare array."""
    return core.ask(Request("GET", path, _array(lambda one: decode(model, one))))


def words(core: Core, path: str) -> Plan[tuple[str, ...]]:
    """Plan to read a bare array of words."""
    return core.ask(Request("GET", path, _array(str)))


def text(core: Core, path: str, query: Query) -> Plan[str]:
    """Plan to read something that is not JSON but text."""
    return core.ask(Request("GET", path, lambda reply: reply.content.decode(), query))


def write(
    core: Core,
    method: str,
    path: str,
    model: type[T],
    body: Mapping[str, object] | None = None,
    *,
    query: Query | None = None,
    idempotency_key: str | None = None,
) -> Plan[T]:
    """Plan a write."""
    request = Request(method, path, reader(model), query or {}, body=body, idempotency_key=idempotency_key)
    return core.ask(request)


def given(**fields: object) -> dict[str, object]:
    """Return the fields that were given: ``None`` means not to send them."""
    return {name: value for name, value in fields.items() if value is not None}


def _array(read: Callable[[object], T]) -> Callable[[Reply], tuple[T, ...]]:
    def read_all(reply: Reply) -> tuple[T, ...]:
        value: object = json.loads(reply.content)
        if not isinstance(value, list):
            raise UnexpectedAnswer(f"The answer should be an array, not {value!r:.100}")
        return tuple(read(one) for one in cast(list[object], value))

    return read_all
