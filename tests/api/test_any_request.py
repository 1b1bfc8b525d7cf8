"""Requests that fit the OpenAPI document, and requests that just miss it, made up by schemathesis for every operation.

Whatever is sent, the answer is one that the document promises, and never a failure of ours. Each operation is tried on
things that are there: the clients of these tests hold the answers against the document (``contract.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, response_headers_conformance

from tests.api.contract import document
from tests.api.test_walk import foreign_ids
from tests.api.world import Furnished, World, open_world

Operation = APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]
EXAMPLES = 3
"""Per operation and kind of request: half a minute of CPU for all. A long run by hand takes more."""


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("half", [0, 1])
def test_no_request_gets_an_answer_that_the_document_does_not_promise(
    furnished: Furnished, tmp_path: Path, mode: GenerationMode, half: int
) -> None:
    with asyncio.Runner() as runner:
        opened = open_world(furnished, tmp_path)
        world = runner.run(opened.__aenter__())
        try:
            key = runner.run(_another_key(world))
            tried = [_try(runner, world, key, operation, mode) for operation in list(_operations(world))[half::2]]
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert sum(tried) > len(tried), "most operations can be asked in more than one way"


def _operations(world: World) -> Iterator[Operation]:
    """Yield every operation; those that take things away come last."""
    results = schemathesis.openapi.from_dict(document(world.app)).get_all_operations()
    known = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(known) > 100
    yield from sorted(known, key=lambda one: (one.method == "delete", "api-keys/" in one.path, one.path))


async def _another_key(world: World) -> str:
    """Return a key of the neighbour that no request knows of, and therefore none revokes."""
    async with world.as_(world.neighbour.key) as http:
        return (await http.post("/v1/api-keys", json={"name": "schemathesis"})).json()["secret"]


def _try(runner: asyncio.Runner, world: World, key: str, operation: Operation, mode: GenerationMode) -> int:
    """Send some requests to an operation and return how many."""
    sent = 0

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy(mode), stray=st.integers(0, 9))
    def send(case: Case, stray: int) -> None:
        nonlocal sent
        if stray:  # in one of ten the path is as made up as the rest
            theirs = foreign_ids(world.neighbour)
            case.path_parameters = {name: theirs.get(name, value) for name, value in case.path_parameters.items()}
        runner.run(_send(world, key, case))
        sent += 1

    try:
        send()
    except Unsatisfiable:
        return sent  # nothing in this operation can be wrong
    return sent


async def _send(world: World, key: str, case: Case) -> None:
    arguments = case.as_transport_kwargs(base_url="http://dialnexa.test")
    if isinstance(arguments.get("data"), str | bytes):
        arguments["content"] = arguments.pop("data")
    if arguments.get("files"):  # httpx wants texts, not numbers, in files
        arguments["files"] = [(name, _as_text(part)) for name, part in arguments["files"]]
    arguments["headers"]["Authorization"] = f"Bearer {key}"
    async with world.as_(key) as http:
        request = http.build_request(**arguments)
        await request.aread()
        answer = await http.send(request)
    assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"
    case.validate_response(answer, checks=[content_type_conformance, response_headers_conformance])


def _as_text(part: tuple[Any, ...]) -> tuple[Any, ...]:
    name, content, *more = part
    return (name, content if isinstance(content, str | bytes) else str(content), *more)
