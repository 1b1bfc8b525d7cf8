"""What MkDocs asks while it builds the site: the navigation, and the pages that are generated and not written.

A guide that is not named here still gets into the navigation, at the end of the guides.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.docs import mcp_tools, reference, settings
from tools.generate_client_types import document

_START = ("index.md", "quick-start.md")
_GUIDES = (
    *("agents.md", "flows.md", "functions.md", "knowledge.md", "analysis.md", "calls.md", "call-history.md"),
    *("numbers.md", "telephony.md", "webhooks.md", "alerts.md", "catalogue.md", "keys-and-limits.md"),
)
_PROGRAMS = ("clients.md", "mcp.md", "errors.md", "pagination.md", "idempotency.md")
_OPERATION = ("operations.md", "durability.md", "observability.md", "moving.md")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation: everything there is, in reading order."""
    config.nav = navigation(Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference of the API and of the settings."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def navigation(docs: Path) -> list[dict[str, Any]]:
    """Return the navigation of a folder of guides."""
    there = {file.name for file in docs.glob("*.md")}
    named = {*_START, *_GUIDES, *_PROGRAMS, *_OPERATION}
    sections = {
        "Start": _START,
        "Guides": (*_GUIDES, *sorted(there - named)),
        "For programs": _PROGRAMS,
        "Operation": _OPERATION,
    }
    nav: list[dict[str, Any]] = [
        {title: [name for name in names if name in there]} for title, names in sections.items()
    ]
    return [*nav, {"Reference": [{title: path} for title, path in _reference_titles()]}]


def generated() -> dict[str, str]:
    """Return the generated pages by their paths."""
    pages = {f"reference/{reference.slug(tag)}.md": text for tag, text in reference.pages(openapi()).items()}
    return {**pages, "reference/tools.md": mcp_tools.page(), "reference/settings.md": settings.page()}


def _reference_titles() -> list[tuple[str, str]]:
    tags = [(tag, f"reference/{reference.slug(tag)}.md") for tag in reference.pages(openapi())]
    return [*tags, ("MCP tools", "reference/tools.md"), ("Settings", "reference/settings.md")]


_documents: list[dict[str, Any]] = []


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document; made once, for it takes a second."""
    if not _documents:
        with tempfile.TemporaryDirectory() as folder:
            _documents.append(asyncio.run(document(Path(folder))))
    return _documents[0]
