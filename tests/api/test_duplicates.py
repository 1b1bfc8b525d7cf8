"""Copies of agents over HTTP (contract B.14)."""

from __future__ import annotations

from tests.api.world import World


async def test_a_copy_has_everything_but_a_life_of_its_own(world: World) -> None:
    agent = await world.agent(title="A" * 70, voice_speed=1.5, is_published=True)
    path = f"/v1/agents/{agent['id']}"
    await world.http.patch(path, json={"voice_speed": 2})
    answer = await world.http.post(f"{path}/duplicate")
    assert answer.status_code == 201
    copy = answer.json()
    assert copy["id"] != agent["id"]
    assert copy["title"] == "A" * 63 + " (copy)"
    assert (copy["voice_speed"], copy["prompt_text"]) == (2, agent["prompt_text"])
    assert (copy["version_number"], copy["is_published"], copy["live_version_number"]) == (1, False, None)

    await world.http.patch(f"/v1/agents/{copy['id']}", json={"voice_speed": 3})
    assert (await world.http.get(path)).json()["voice_speed"] == 2


async def test_a_copy_of_a_named_version(world: World) -> None:
    agent = await world.agent(prompt_text="First.", is_published=True)
    path = f"/v1/agents/{agent['id']}"
    await world.http.patch(path, json={"prompt_text": "Second."})
    made = await world.http.post(f"/agents2/{agent['id']}/duplicate", json={"title": "Old", "version_number": 1})
    assert (made.json()["title"], made.json()["prompt_text"]) == ("Old", "First.")
    missing = await world.http.post(f"{path}/duplicate", json={"version_number": 9})
    assert missing.status_code == 404
    assert "Published versions: 1." in missing.json()["message"]
