"""What the API has, the Python client has: each operation is planned and matched against the OpenAPI document."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dialnexa_client import DialNexa
from dialnexa_client.binding import Resource
from dialnexa_client.exchange import Core, Send
from dialnexa_client.paging import Search
from dialnexa_client.streaming import Feed, Tail
from tests.api.contract import VERBS, document
from tests.api.world import World

CORE = Core("http://dialnexa.test/v1", "sk_test_1", "test")
ELSEWHERE = {
    "GET /v1/call-logs/campaign/{campaign_id}": "the same as call_logs.list with campaign_id",
    "GET /v1/voices/{voice_id}/preview": "a link that plays by itself: voice.preview_url",
    "POST /v1/agents2": "agents.create makes the same agents",
    "GET /v1/agents2": "agents.list",
    "GET /v1/agents2/{agent_id}": "agents.get",
    "PATCH /v1/agents2/{agent_id}": "agents.update",
    "GET /": "for load balancers",
    "GET /healthz": "for load balancers",
    "GET /readyz": "for load balancers",
}
"""Operations that need no method, and why."""


def methods(client: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every operation of every group, as it was before it was bound."""
    for group, resource in vars(client).items():
        if not isinstance(resource, Resource):
            continue
        for name, method in vars(type(resource)).items():
            if hasattr(method, "__wrapped__"):
                yield f"{group}.{name}", method.__wrapped__


def sent(operation: Callable[..., Any], file: Path) -> str:
    """Plan an operation with made-up arguments and return the request it begins with."""
    arguments: dict[str, Any] = {}
    for parameter in list(inspect.signature(operation).parameters.values())[1:]:
        if parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            continue
        kind = str(parameter.annotation)
        special = {"file": {} if "Mapping" in kind else file, "events": ["*"], "rates": []}
        arguments[parameter.name] = special.get(parameter.name, 7 if kind == "int" else "x7")
    planned = operation(CORE, **arguments)
    plan = planned.page(1) if isinstance(planned, Search) else planned
    step = Tail[Any](planned).step() if isinstance(planned, Feed) else next(plan)
    assert isinstance(step, Send)
    return f"{step.method} {step.url.removeprefix('http://dialnexa.test').partition('?')[0]}"


@pytest.fixture
def covered(world: World, tmp_path: Path) -> dict[str, str]:
    """Each operation of the API that a method of the client begins with, and that method."""
    file = tmp_path / "a.txt"
    file.write_text("A")
    templates = {
        f"{verb.upper()} {path}": re.compile(re.sub(r"\\\{\w+\\\}", "(x7|7)", re.escape(path)))
        for path, known in document(world.app)["paths"].items()
        for verb in VERBS
        if verb in known
    }
    found: dict[str, str] = {}
    for name, operation in methods(DialNexa("sk_test_1")):
        request = sent(operation, file)
        matches = [
            key
            for key, known in templates.items()
            if known.fullmatch(request.partition(" ")[2]) and key.split()[0] == request.split()[0]
        ]
        assert matches, f"{name} asks for {request}, which the API does not have"
        found[min(matches, key=lambda key: key.count("{"))] = name
    return {**found, **{key: "elsewhere" for key in ELSEWHERE if key in templates}, "all": " ".join(templates)}


def test_every_resource_of_the_api_is_in_the_client(covered: dict[str, str]) -> None:
    served = re.findall(r"(?:GET|POST|PUT|PATCH|DELETE) /\S*", covered.pop("all"))
    resources = {"/".join(key.split()[1].split("/")[:3]) for key in served}
    known = {"/".join(key.split()[1].split("/")[:3]) for key in covered}
    assert resources - known == set(), "add these resources to sdk/python"


def test_the_readme_lists_them_all() -> None:
    readme = (Path(__file__).parents[2] / "sdk" / "python" / "README.md").read_text()
    for name, _ in methods(DialNexa("sk_test_1")):
        group, method = name.split(".")
        (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", readme, re.MULTILINE)
        assert f"`{method}`" in row, name
