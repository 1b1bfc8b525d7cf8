"""Knowledge bases and their documents."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path

from dialnexa_client.decoding import reader
from dialnexa_client.exchange import Core, Plan, Request, Upload, part
from dialnexa_client.models.records import Answer, Document, KnowledgeBase
from dialnexa_client.models.workspace import Deleted
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search

_PATH = "/knowledge-base"


def create(core: Core, *, name: str, idempotency_key: str | None = None, **fields: object) -> Plan[KnowledgeBase]:
    """Make a knowledge base; ``fields``: ``description``, ``language``. Raises ``Conflict`` when the name is taken."""
    return asking.write(core, "POST", _PATH, KnowledgeBase, {"name": name, **fields}, idempotency_key=idempotency_key)


def search(core: Core, *, search: str | None = None, limit: int = 100) -> Search[KnowledgeBase]:
    """List knowledge bases; ``search`` is part of the name."""
    return Search(core, _PATH, KnowledgeBase, {"search": search}, limit, key="items")


def get(core: Core, kb_id: str) -> Plan[KnowledgeBase]:
    """Return a knowledge base."""
    return asking.get(core, f"{_PATH}/{part(kb_id)}", KnowledgeBase)


def update(core: Core, kb_id: str, **fields: object) -> Plan[KnowledgeBase]:
    """Change ``name`` or ``description``."""
    return asking.write(core, "PATCH", f"{_PATH}/{part(kb_id)}", KnowledgeBase, fields)


def delete(core: Core, kb_id: str, *, force: bool = False) -> Plan[Deleted]:
    """Take a knowledge base away. Raises ``Conflict`` while agents use it, unless ``force``."""
    return asking.write(core, "DELETE", f"{_PATH}/{part(kb_id)}", Deleted, query={"force": force or None})


def affected_agents(core: Core, kb_id: str) -> Plan[Answer]:
    """Return the agents that use it."""
    return asking.get(core, f"{_PATH}/{part(kb_id)}/affected-agents", Answer)


def look_up(core: Core, kb_id: str, query: str, *, max_chunks: int = 5, min_score: float = 0.0) -> Plan[Answer]:
    """Look something up as an agent would; ``answer["results"]`` has passages with their scores."""
    body = {"query": query, "max_chunks": max_chunks, "min_score": min_score}
    return asking.write(core, "POST", f"{_PATH}/{part(kb_id)}/search", Answer, body)


def upload(
    core: Core,
    kb_id: str,
    file: str | os.PathLike[str],
    *,
    title: str | None = None,
    description: str | None = None,
    source: str | None = None,
    idempotency_key: str | None = None,
) -> Plan[Document]:
    """Add a PDF or text file; it is read and indexed at once."""
    path = Path(file)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    fields = {"title": title, "description": description, "source": source}
    upload = Upload(path.name, kind, path.read_bytes(), {name: value for name, value in fields.items() if value})
    request = Request(
        "POST",
        f"{_PATH}/{part(kb_id)}/documents",
        reader(Document),
        upload=upload,
        idempotency_key=idempotency_key,
    )
    return core.ask(request)


def documents(core: Core, kb_id: str, *, status: str | None = None, limit: int = 100) -> Search[Document]:
    """List the documents of a knowledge base."""
    return Search(core, f"{_PATH}/{part(kb_id)}/documents", Document, {"status": status}, limit, key="items")


def document(core: Core, kb_id: str, document_id: str) -> Plan[Document]:
    """Return a document."""
    return asking.get(core, f"{_PATH}/{part(kb_id)}/documents/{part(document_id)}", Document)


def update_document(core: Core, kb_id: str, document_id: str, **fields: object) -> Plan[Document]:
    """Change ``title``, ``description`` or ``source``."""
    return asking.write(core, "PATCH", f"{_PATH}/{part(kb_id)}/documents/{part(document_id)}", Document, fields)


def delete_document(core: Core, kb_id: str, document_id: str) -> Plan[Deleted]:
    """Take a document away."""
    return asking.write(core, "DELETE", f"{_PATH}/{part(kb_id)}/documents/{part(document_id)}", Deleted)


def document_text(core: Core, kb_id: str, document_id: str) -> Plan[Answer]:
    """Return what was read from a document, page by page."""
    return asking.get(core, f"{_PATH}/{part(kb_id)}/documents/{part(document_id)}/text", Answer)


def download_document(core: Core, kb_id: str, document_id: str, to: str | os.PathLike[str]) -> Plan[Path]:
    """Save a document as it was uploaded, and return its path."""
    path = Path(to)
    address = f"{_PATH}/{part(kb_id)}/documents/{part(document_id)}/download"
    return core.ask(Request("GET", address, lambda _: path, save_to=path))
