"""Knowledge bases as programs use them: upload, read, ask, take away."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.platform.knowledge.extraction import Extractor
from dialnexa.platform.knowledge.reading import Reader
from tests.api.world import World
from tests.platform.knowledge import pdfs

PRICES = "Teeth cleaning costs eighty dollars. A check-up costs forty dollars."
HOURS = "We are open Monday to Friday from nine to six. On Saturday we close at noon."
PARKING = "Parking is free behind the building. The entrance is in Mill Street."


async def test_a_pdf_is_read_and_answers_questions(world: World) -> None:
    base = await make(world, "Clinic")
    assert (base["status"], base["document_count"], base["language"]) == ("ready", 0, "en")
    uploaded = await upload(world, base["id"], "clinic.pdf", pdfs.pdf([PRICES, HOURS, PARKING]), title="The clinic")
    assert (uploaded["status"], uploaded["type"], uploaded["title"]) == ("processing", "pdf", "The clinic")
    assert (await get(world, base["id"]))["status"] == "processing"
    assert await ask(world, base["id"], "How much is a cleaning?") == []

    await read_all(world)

    document = await get(world, f"{base['id']}/documents/{uploaded['id']}")
    assert (document["status"], document["page_count"], document["error"]) == ("ready", 3, None)
    assert document["chunk_count"] == 1
    (hit,) = await ask(world, base["id"], "How much does a teeth cleaning cost?")
    assert hit["score"] == 1.0
    assert (hit["title"], hit["document_id"], hit["page"]) == ("The clinic", uploaded["id"], 1)
    assert "eighty dollars" in hit["text"]
    assert await ask(world, base["id"], "Do you repair bicycles?", min_score=0.5) == []
    text = await get(world, f"{base['id']}/documents/{uploaded['id']}/text")
    assert text["pages"] == [PRICES, HOURS, PARKING]
    listed = (await world.http.get("/v1/knowledge-base")).json()
    assert [(one["file_name"], one["status"]) for one in listed["items"]] == [("clinic.pdf", "ready")]
    assert listed["meta"]["totalItems"] == 1


async def test_the_best_passage_comes_first_whatever_form_its_words_have(world: World) -> None:
    base = await make(world, "Clinic")
    for name, text in (("prices", PRICES), ("hours", HOURS), ("parking", PARKING)):
        await upload(world, base["id"], f"{name}.txt", text.encode())
    await read_all(world)
    asked = {
        "What do check-ups cost?": "prices",
        "are you opening on saturdays": "hours",
        "Hello, um, could you please tell me where I can park?": "parking",
    }
    for question, answered_by in asked.items():
        hits = await ask(world, base["id"], question, min_score=0.5)
        assert hits[0]["title"] == answered_by, question
        assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


async def test_a_document_is_described_downloaded_and_taken_away(world: World) -> None:
    base = await make(world, "Clinic")
    made = await upload(world, base["id"], "C:\\docs\\öffnung.txt", HOURS.encode(), source="https://clinic.example")
    await read_all(world)
    path = f"/v1/knowledge-base/{base['id']}/documents/{made['id']}"
    changed = (await world.http.patch(path, json={"title": "Hours", "source": None})).json()
    assert (changed["title"], changed["source"], changed["file_name"]) == ("Hours", None, "öffnung.txt")
    file = await world.http.get(f"{path}/download")
    assert file.content == HOURS.encode()
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%B6ffnung.txt"
    assert file.headers["x-content-type-options"] == "nosniff"

    assert (await world.http.delete(path)).status_code == 200
    assert (await world.http.get(path)).status_code == 404
    assert (await world.http.get(f"/v1/knowledge-base/{base['id']}/documents")).json()["items"] == []
    assert await ask(world, base["id"], "When do you open on Saturday?") == []


async def test_names_are_unique_and_say_so(world: World) -> None:
    base = await make(world, "Clinic")
    again = await world.http.post("/v1/knowledge-bases", json={"name": " clinic "})
    assert (again.status_code, again.json()["message"]) == (409, "Knowledge base with this name already exists")
    other = await make(world, "Garage")
    renamed = await world.http.patch(f"/v1/knowledge-base/{other['id']}", json={"name": "CLINIC"})
    assert renamed.status_code == 409
    same = await world.http.patch(f"/v1/knowledge-base/{base['id']}", json={"name": "CLINIC", "description": "Teeth."})
    assert (same.json()["name"], same.json()["description"]) == ("CLINIC", "Teeth.")
    long = await world.http.post("/v1/knowledge-base", json={"name": "x" * 151})
    assert long.json()["message"] == ["name must be 150 characters or fewer (received 151)"]


async def test_what_agents_use_is_not_deleted_unless_forced(world: World) -> None:
    base = await make(world, "Clinic")
    agent = await world.agent(knowledge_base_ids=[base["id"]])
    affected = await get(world, f"{base['id']}/affected-agents")
    assert (affected["count"], affected["agents"][0]["agent_id"]) == (1, agent["id"])
    assert affected["agents"][0]["version_numbers"] == [1]
    refused = await world.http.delete(f"/v1/knowledge-base/{base['id']}")
    assert (refused.status_code, refused.json()["agent_ids"]) == (409, [agent["id"]])
    assert "force=true" in refused.json()["message"]
    assert (await world.http.delete(f"/v1/knowledge-base/{base['id']}?force=true")).status_code == 200
    assert (await world.http.get(f"/v1/knowledge-base/{base['id']}")).status_code == 404


async def test_an_agent_names_only_what_there_is(world: World) -> None:
    agent = await world.agent()
    for strange in ("kb_none", world.neighbour.kb_id):
        answer = await world.http.patch(f"/v1/agents/{agent['id']}", json={"knowledge_base_ids": [strange]})
        assert answer.status_code == 400
        assert answer.json()["message"] == [f"knowledge_base_ids names knowledge bases that do not exist: {strange}"]


async def test_a_deleted_knowledge_base_takes_its_documents_along(world: World) -> None:
    base = await make(world, "Clinic")
    await upload(world, base["id"], "hours.txt", HOURS.encode())
    await read_all(world)
    assert (await world.http.delete(f"/v1/knowledge-base/{base['id']}")).status_code == 200
    fresh = await make(world, "Clinic")
    assert await ask(world, fresh["id"], "When do you open on Saturday?") == []


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("prices.pdf", b"We cost nothing.", "is not a PDF, although its name says so"),
        ("prices.txt", pdfs.pdf(["x"]), "is a PDF, although its name says text"),
        ("prices.docx", b"PK\x03\x04", "must be a PDF (.pdf) or plain text (.txt)"),
        ("prices.txt", b"\x7fELF\0\0\1\2", "is not plain text"),
        ("prices.txt", b" \n", "should not be empty"),
        ("locked.pdf", pdfs.locked(), "locked with a password"),
        ("broken.pdf", b"%PDF-1.4 and nothing else", "damaged"),
        ("endless.pdf", pdfs.pdf(["x"], count=1_000_000), "has 1,000,000 pages"),
    ],
)
async def test_uploads_that_lie_are_told_so(world: World, name: str, content: bytes, sentence: str) -> None:
    base = await make(world, "Clinic")
    answer = await send(world, base["id"], name, content)
    assert answer.status_code == 400
    assert sentence in str(answer.json()["message"])
    assert (await get(world, base["id"]))["document_count"] == 0


async def test_a_pdf_that_unpacks_without_end_is_refused(world: World) -> None:
    base = await make(world, "Clinic")
    answer = await send(world, base["id"], "bomb.pdf", pdfs.bomb(20))
    assert answer.status_code == 400
    assert "within the limits on memory and time" in answer.json()["message"]


async def test_what_is_too_large_or_no_form_is_refused(world: World) -> None:
    base = await make(world, "Clinic")
    path = f"/v1/knowledge-base/{base['id']}/documents"
    barely = await send(world, base["id"], "big.txt", b"a" * (10 * 1024 * 1024 + 1))
    assert (barely.status_code, "10 MB" in barely.json()["message"]) == (413, True)
    far = await send(world, base["id"], "big.txt", b"a" * (11 * 1024 * 1024))
    assert (far.status_code, "split the file" in far.json()["message"]) == (413, True)
    assert (await world.http.post(path, json={"file": "x"})).status_code == 415
    missing = await world.http.post(path, files={"document": ("a.txt", b"x")})
    assert (missing.status_code, missing.json()["message"]) == (400, ["file should not be empty"])
    headers = {"content-type": "multipart/form-data; boundary=x"}
    broken = await world.http.post(path, content=b"nonsense", headers=headers)
    assert broken.status_code == 400


async def test_the_same_upload_under_the_same_key_is_kept_once(world: World) -> None:
    base = await make(world, "Clinic")
    path, key = f"/v1/knowledge-base/{base['id']}/documents", {"Idempotency-Key": "upload-1"}
    answers = [
        (await world.http.post(path, files={"file": ("a.txt", HOURS.encode())}, headers=key)).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len((await get(world, f"{base['id']}/documents"))["items"]) == 1


async def test_a_document_that_cannot_be_read_says_why(world: World) -> None:
    base = await make(world, "Clinic")
    made = await upload(world, base["id"], "scan.pdf", pdfs.pdf([""]))
    await read_all(world)
    document = await get(world, f"{base['id']}/documents/{made['id']}")
    assert document["status"] == "failed"
    assert "OCR" in document["error"]
    assert (await get(world, base["id"]))["status"] == "failed"
    text = await world.http.get(f"/v1/knowledge-base/{base['id']}/documents/{made['id']}/text")
    assert (text.status_code, "OCR" in text.json()["message"]) == (404, True)


async def test_reading_begun_twice_keeps_every_passage_once(world: World) -> None:
    """What a killed worker left half done is read again from the start."""
    base = await make(world, "Clinic")
    made = await upload(world, base["id"], "hours.txt", HOURS.encode())
    await read_all(world)
    async with world.database.write() as session:
        from dialnexa.platform.knowledge.models import Document

        document = await session.get(Document, made["id"])
        assert document is not None
        document.status = "processing"
    await read_all(world)
    assert len(await ask(world, base["id"], "When do you open on Saturday?")) == 1


async def make(world: World, name: str) -> dict[str, Any]:
    answer = await world.http.post("/v1/knowledge-base", json={"name": name})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def get(world: World, path: str) -> dict[str, Any]:
    answer = await world.http.get(f"/v1/knowledge-base/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(world: World, base_id: str, name: str, content: bytes, **fields: str) -> Any:
    path = f"/v1/knowledge-base/{base_id}/documents"
    return await world.http.post(path, files={"file": (name, content)}, data=fields)


async def upload(world: World, base_id: str, name: str, content: bytes, **fields: str) -> dict[str, Any]:
    answer = await send(world, base_id, name, content, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def read_all(world: World) -> None:
    """Do what a worker does with the queue."""
    reader = Reader(world.database, Extractor(), world.clock.now)
    for chore, document_id in world.queue.chores:
        assert chore == "documents"
        await reader.read(document_id)


async def ask(world: World, base_id: str, question: str, **fields: float) -> list[dict[str, Any]]:
    answer = await world.http.post(f"/v1/knowledge-base/{base_id}/search", json={"query": question, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]
