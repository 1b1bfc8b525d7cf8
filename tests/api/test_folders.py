"""Folders over HTTP (contract B.13): agents lie in one or in none, and are never lost with theirs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World


async def _folder(world: World, name: str = "Clinic") -> dict[str, Any]:
    made = await world.http.post("/v1/organization-folders", json={"name": name})
    assert made.status_code == 201, made.text
    return made.json()


async def test_folders_are_listed_by_name_in_their_own_envelope(world: World) -> None:
    for name in ("zebra", "Apple", "mango"):
        await _folder(world, name)
    listed = (await world.http.get("/v1/organization-folders", params={"limit": 2})).json()
    assert [folder["name"] for folder in listed["folders"]] == ["Apple", "mango"]
    assert {key: listed[key] for key in ("page", "limit", "total", "totalPages")} == {
        "page": 1,
        "limit": 2,
        "total": 3,
        "totalPages": 2,
    }
    clamped = (await world.http.get("/organization-folders", params={"limit": 200})).json()
    assert clamped["limit"] == 50
    found = (await world.http.get("/v1/organization-folders", params={"search": "ANG"})).json()
    assert [folder["name"] for folder in found["folders"]] == ["mango"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "name should not be empty"),
        ("   ", r"name must match \S"),
        ("x" * 36, "name must be 35 characters or fewer (received 36)"),
        (5, "name must be a string"),
    ],
)
async def test_names_have_limits(world: World, name: object, sentence: str) -> None:
    answer = await world.http.post("/v1/organization-folders", json={"name": name})
    assert (answer.status_code, answer.json()["message"]) == (400, [sentence])


async def test_renaming_and_getting(world: World) -> None:
    folder = await _folder(world)
    path = f"/v1/organization-folders/{folder['id']}"
    world.clock.later(minutes=1)
    renamed = (await world.http.patch(path, json={"name": "Dentist"})).json()
    assert (renamed["name"], renamed["created_at"]) == ("Dentist", folder["created_at"])
    assert renamed["updated_at"] > folder["updated_at"]
    assert (await world.http.get(path)).json() == renamed
    assert renamed["organization_id"] == world.home.workspace_id


async def test_agents_are_made_in_moved_to_and_found_by_folder(world: World) -> None:
    clinic, shop = await _folder(world, "Clinic"), await _folder(world, "Shop")
    agent = await world.agent(title="Nurse", folder_id=clinic["id"])
    assert agent["folder_id"] == clinic["id"]

    async def titles(**wanted: str) -> list[str]:
        flat = (await world.http.get("/v1/agents", params=wanted)).json()["agents"]
        nested = (await world.http.get("/agents2", params=wanted)).json()["data"]
        assert [one["title"] for one in flat] == [one["title"] for one in nested]
        return [one["title"] for one in flat]

    assert await titles(folder_id=clinic["id"]) == ["Nurse"]
    moved = await world.http.patch(f"/v1/agents/{agent['id']}/folder", json={"folder_id": shop["id"]})
    assert moved.json()["folder_id"] == shop["id"]
    assert await titles(folder_id=clinic["id"]) == []
    assert await titles(folder_id=shop["id"], search="nUr") == ["Nurse"]
    assert await titles(title="appoint") == ["Demo: appointment reminder"]
    assert await titles(search="100%") == []
    assert (await world.http.get(f"/v1/organization-folders/{shop['id']}")).json()["agents"] == 1

    taken_out = await world.http.patch(f"/v1/agents/{agent['id']}", json={"folder_id": None})
    assert taken_out.json()["folder_id"] is None
    assert await titles(folder_id="") == ["Nurse", "Demo: appointment reminder"]


async def test_a_folder_that_is_not_there_takes_no_agents(world: World) -> None:
    agent = await world.agent()
    for folder_id in ("fld_nowhere", world.neighbour.folder_id):
        place = {"folder_id": folder_id}
        for verb, path in (
            ("PATCH", f"/v1/agents/{agent['id']}"),
            ("PATCH", f"/v1/agents/{agent['id']}/folder"),
            ("POST", f"/v1/agents/{agent['id']}/duplicate"),
        ):
            refused = await world.http.request(verb, path, json=place)
            assert refused.status_code == 404, path
            assert f"Folder {folder_id} not found" in refused.json()["message"]
    assert (await world.http.get(f"/v1/agents/{agent['id']}")).json()["folder_id"] is None


async def test_a_folder_with_agents_goes_only_when_it_is_said_where_they_go(world: World) -> None:
    clinic, shop = await _folder(world, "Clinic"), await _folder(world, "Shop")
    agent = await world.agent(folder_id=clinic["id"])
    path = f"/v1/organization-folders/{clinic['id']}"
    refused = await world.http.delete(path)
    assert (refused.status_code, refused.json()["agent_ids"]) == (409, [agent["id"]])
    assert "move_agents_to" in refused.json()["message"]
    assert (await world.http.delete(path, params={"move_agents_to": clinic["id"]})).status_code == 409
    assert (await world.http.delete(path, params={"move_agents_to": world.neighbour.folder_id})).status_code == 404
    assert (await world.http.delete(path, params={"move_agents_to": shop["id"]})).json()["success"] is True
    assert (await world.http.get(f"/v1/agents/{agent['id']}")).json()["folder_id"] == shop["id"]
    assert (await world.http.get(path)).status_code == 404
    emptied = await world.http.delete(f"/v1/organization-folders/{shop['id']}", params={"move_agents_to": ""})
    assert emptied.status_code == 200
    assert (await world.http.get(f"/v1/agents/{agent['id']}")).json()["folder_id"] is None


async def test_a_deleted_agent_holds_no_folder_back(world: World) -> None:
    folder = await _folder(world)
    agent = await world.agent(folder_id=folder["id"])
    await world.http.delete(f"/v1/agents/{agent['id']}")
    assert (await world.http.delete(f"/v1/organization-folders/{folder['id']}")).status_code == 200


async def test_a_copy_lies_beside_its_original_or_where_it_is_told(world: World) -> None:
    clinic, shop = await _folder(world, "Clinic"), await _folder(world, "Shop")
    agent = await world.agent(folder_id=clinic["id"])
    path = f"/v1/agents/{agent['id']}/duplicate"
    places = [(None, clinic["id"]), ({"folder_id": shop["id"]}, shop["id"]), ({"folder_id": ""}, None)]
    for body, place in places:
        assert (await world.http.post(path, json=body)).json()["folder_id"] == place
