"""The catalogue over HTTP: envelopes, filters, previews, and ids that go straight into agents (contract B.13, K.14)."""

from __future__ import annotations

import io
import wave
from typing import Any

import pytest

from tests.api.world import World, agent_body


async def get(world: World, path: str, **query: Any) -> Any:
    answer = await world.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("base", ["/v1", ""])
async def test_languages_models_and_transcribers_are_bare_arrays(world: World, base: str) -> None:
    languages = await get(world, f"{base}/languages")
    assert {"id": "lang_en_us", "name": "English (United States)", "code": "en-US"} in languages
    [llm] = await get(world, f"{base}/llms")
    assert llm.items() >= {"id": "builtin/flow", "provider": "builtin", "supports_structured_output": False}.items()
    [ears] = await get(world, f"{base}/transcribers")
    assert ears.items() >= {"id": "builtin/pocketsphinx", "supports_fallback": False}.items()
    assert await get(world, f"{base}/llms/fallback") == await get(world, f"{base}/transcribers/fallback") == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/languages/lang_en_gb", "lang_en_gb"),
        ("/v1/languages/en-GB", "lang_en_gb"),
        ("/v1/llms/builtin/flow", "builtin/flow"),
        ("/v1/llms/builtin%2Fflow", "builtin/flow"),
        ("/v1/transcribers/builtin/pocketsphinx", "builtin/pocketsphinx"),
        ("/v1/voices/builtin/flite/slt", "builtin/flite/slt"),
        ("/v1/voices/builtin%2Fespeak%2Fen-us%2Bf3", "builtin/espeak/en-us+f3"),
    ],
)
async def test_each_entry_is_found_by_its_id(world: World, path: str, expected: str) -> None:
    assert (await get(world, path))["id"] == expected


@pytest.mark.parametrize("path", ["languages/lang_xx", "llms/gpt", "transcribers/whisper", "voices/nobody"])
async def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    answer = await world.http.get(f"/v1/{path}")
    assert answer.status_code == 404
    assert answer.json()["message"].endswith(f"{path.partition('/')[2]} not found.")


async def test_voices_come_in_pages_of_fifty_at_most(world: World) -> None:
    first = await get(world, "/v1/voices", limit=4)
    assert {name: first[name] for name in ("total", "page", "limit", "totalPages")} == {
        "total": 13,
        "page": 1,
        "limit": 4,
        "totalPages": 4,
    }
    last = await get(world, "/v1/voices", limit=4, page=4)
    assert [voice["id"] for voice in last["voices"]] == ["builtin/espeak/en-gb-scotland"]
    assert (await get(world, "/v1/voices", limit=200))["limit"] == 50
    assert (await world.http.get("/v1/voices", params={"limit": 0})).status_code == 400


async def test_voices_by_provider_under_either_name(world: World) -> None:
    for spelling in ("provider", "provider_name"):
        found = await get(world, "/v1/voices", **{spelling: "builtin", "gender": "female", "accent": "british"})
        assert [voice["name"] for voice in found["voices"]] == ["Emma"]
    voice = found["voices"][0]
    assert voice.keys() >= {"id", "name", "gender", "language_code", "provider", "model_id", "preview_url", "accent"}


async def test_what_belongs_to_a_voice(world: World) -> None:
    path = "/v1/voices/builtin/flite/slt"
    assert (await get(world, f"{path}/languages"))[0]["code"] == "en-US"
    [model] = (await get(world, f"{path}/voice-models"))["data"]
    assert model.keys() == {"id", "name", "description", "latency"}
    assert (await get(world, path))["model_id"] == model["id"]
    assert "Scottish" in await get(world, "/v1/voices/accents")
    assert await get(world, "/v1/voices/s2s") == {"voices": []}


async def test_previews_play_without_a_key_and_in_parts(world: World) -> None:
    listed = (await get(world, "/v1/voices"))["voices"]
    async with world.as_(None) as browser:
        for voice in listed:
            answer = await browser.get(voice["preview_url"])
            assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
            with wave.open(io.BytesIO(answer.content)) as audio:
                assert audio.getnframes() > 8000
        part = await browser.get(listed[0]["preview_url"], headers={"Range": "bytes=0-43"})
        assert (part.status_code, len(part.content)) == (206, 44)
        assert (await browser.get("/v1/voices/nobody/preview")).status_code == 404


async def test_previews_are_kept_by_browsers_and_fetched_in_parts(world: World) -> None:
    voices = (await get(world, "/v1/voices"))["voices"]
    async with world.as_(None) as browser:
        first, other = [await browser.get(voices[place]["preview_url"]) for place in (0, -1)]
        assert first.headers["cache-control"] == "public, max-age=86400"
        assert first.headers["accept-ranges"] == "bytes"
        tag, size = first.headers["etag"], len(first.content)
        assert (await browser.get(voices[0]["preview_url"])).headers["etag"] == tag != other.headers["etag"]
        again = await browser.get(voices[0]["preview_url"], headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)

        async def part(wanted: str, **headers: str) -> tuple[int, str | None, bytes]:
            answer = await browser.get(voices[0]["preview_url"], headers={"Range": wanted, **headers})
            return answer.status_code, answer.headers.get("content-range"), answer.content

        assert await part("bytes=44-99") == (206, f"bytes 44-99/{size}", first.content[44:100])
        assert await part("bytes=-10") == (206, f"bytes {size - 10}-{size - 1}/{size}", first.content[-10:])
        assert await part("bytes=44-", **{"If-Range": tag}) == (206, f"bytes 44-{size - 1}/{size}", first.content[44:])
        assert await part("bytes=44-", **{"If-Range": '"another"'}) == (200, None, first.content)
        assert (await part(f"bytes={size}-"))[:2] == (416, f"bytes */{size}")
        for invalid in ("bytes=", "bytes=a-b", "lines=1-2", "bytes=9-3"):
            assert (await part(invalid))[0] == 400, invalid


async def test_every_id_of_the_catalogue_goes_into_an_agent(world: World) -> None:
    for language in await get(world, "/v1/languages"):
        await world.agent(language_id=language["id"])
        await world.agent(language_id=language["code"])
    for voice in (await get(world, "/v1/voices", limit=50))["voices"]:
        await world.agent(voice_id=voice["id"], voice_model_id=voice["model_id"])
    await world.agent(llm_id="builtin/flow", transcriber_id="builtin/pocketsphinx", post_call_analysis_llm_id=None)


@pytest.mark.parametrize(
    ("field", "value", "valid"),
    [
        ("language_id", "lang_tlh", "lang_en, lang_en_us"),
        ("voice_id", "voice_1", "builtin/auto, builtin/flite/slt"),
        ("llm_id", "gpt-9", "builtin/flow"),
        ("transcriber_id", "nova", "builtin/pocketsphinx"),
        ("llm_fallback_model", "gpt-9", "builtin/flow"),
    ],
)
async def test_an_agent_of_unknown_parts_is_refused_with_what_there_is(
    world: World, field: str, value: str, valid: str
) -> None:
    expected = f'{field} "{value}" is not available here; use one of: {valid}'
    made = await world.http.post("/v1/agents", json={**agent_body(), field: value})
    assert made.status_code == 400
    assert made.json()["message"][0].startswith(expected)
    agent = await world.agent()
    changed = await world.http.patch(f"/v1/agents/{agent['id']}", json={field: value})
    assert changed.status_code == 400
    assert changed.json()["message"][0].startswith(expected)


async def test_the_nested_form_is_told_in_its_own_words(world: World) -> None:
    body = {"title": "N", "voice": {"id": "voice_1"}, "llm": {"id": "gpt"}}
    answer = await world.http.post("/agents2", json=body)
    assert answer.status_code == 400
    assert sorted(sentence.split(" is not")[0] for sentence in answer.json()["message"]) == [
        'llm.id "gpt"',
        'voice.id "voice_1"',
    ]
