"""The OpenAPI document and the reference page: valid, complete, and served without any other server."""

from __future__ import annotations

import re
from typing import get_args

from openapi_spec_validator import OpenAPIV31SpecValidator

from dialnexa.live.speech.embedded.flow.edges import ConditionKind
from dialnexa.live.speech.embedded.flow.nodes import NodeKind
from tests.api.contract import VERBS, document
from tests.api.world import World


async def test_the_document_is_valid_openapi_3_1(world: World) -> None:
    served = (await world.http.get("/api-reference/openapi.json")).json()
    assert served["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(served).validate()
    assert served == document(world.app)


async def test_every_operation_is_described_and_its_errors_too(world: World) -> None:
    names: list[str] = []
    for path, operations in document(world.app)["paths"].items():
        assert path.startswith("/v1/") or path in {"/", "/healthz", "/readyz"}
        for verb in VERBS:
            if verb not in operations:
                continue
            operation = operations[verb]
            names.append(operation["operationId"])
            assert operation["summary"], path
            assert operation["description"], path
            assert operation["tags"], path
            assert "422" not in operation["responses"] or verb != "get"
            if "security" in operation:
                assert {"400", "401", "403", "404", "429"} <= operation["responses"].keys(), path
    assert len(names) == len(set(names))


async def test_no_schema_is_named_after_the_module_it_lies_in(world: World) -> None:
    """FastAPI tells two schemas of one name apart by their modules; clients would have those names in their types."""
    names = document(world.app)["components"]["schemas"]
    assert [name for name in names if "dialnexa__" in name] == []


async def test_writes_document_their_idempotency_key(world: World) -> None:
    parameters = document(world.app)["paths"]["/v1/calls"]["post"]["parameters"]
    assert [one["in"] for one in parameters if one["name"] == "Idempotency-Key"] == ["header"]


async def test_the_reference_needs_no_other_server(world: World) -> None:
    async with world.as_(None) as anyone:
        page = await anyone.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert {"/docs/reference.css", "/docs/reference.js", "/api-reference/openapi.json"} <= set(parts)
        for part in parts:
            assert part.startswith("/")
            answer = await anyone.get(part)
            assert answer.status_code == 200
            if not part.endswith(".json"):
                assert not re.search(r"https?://", answer.text)
        assert (await anyone.get("/docs/other.js")).status_code == 404


async def test_the_reference_shows_no_key_and_sends_nothing_incomplete(world: World) -> None:
    script = (await world.http.get("/docs/reference.js")).text
    assert "Bearer $DIALNEXA_API_KEY" in script
    assert 'one.required ? { required: "" }' in script


async def test_a_conversation_graph_has_its_shape_in_the_document(world: World) -> None:
    schemas = document(world.app)["components"]["schemas"]
    for body in ("AgentDraft", "AgentPatch", "AgentOut"):
        assert {"$ref": "#/components/schemas/Flow"} in schemas[body]["properties"]["flow"]["anyOf"], body
    assert [name for name in schemas if name.startswith("Flow")] == [
        *("Flow", "FlowChange", "FlowCheckOut", "FlowCondition", "FlowEdge", "FlowNode")
    ]
    assert schemas["FlowNode"]["properties"]["type"]["enum"] == list(get_args(NodeKind))
    assert schemas["FlowCondition"]["properties"]["type"]["enum"] == list(get_args(ConditionKind))
    assert {"from", "to"} <= schemas["FlowEdge"]["properties"].keys()


async def test_the_document_begins_with_placing_a_call_and_goes_on_as_its_readers_do(world: World) -> None:
    paths = document(world.app)["paths"]
    operations = [(path, verb, operation) for path, part in paths.items() for verb, operation in part.items()]
    assert operations[0][2]["summary"] == "Place a call"
    tags = list(dict.fromkeys(operation["tags"][0] for _, _, operation in operations))
    assert tags[:4] == ["Calls", "Agents", "Functions", "Templates"]
    assert tags == [tag["name"] for tag in document(world.app)["tags"]], "each tag once, and named"
