"""The tools of the MCP server as a page of text."""

from __future__ import annotations

from itertools import groupby

from dialnexa.api.mcp.tools import ENTRIES, Entry

_INTRODUCTION = """# MCP tools

What [other people's agents](../mcp.md) can do, and which operation each tool is.
"""


def page() -> str:
    """Return the page."""
    groups = groupby(ENTRIES, key=lambda entry: entry.group)
    return "\n".join([_INTRODUCTION, *(_group(name, list(entries)) for name, entries in groups)])


def _group(name: str, entries: list[Entry]) -> str:
    rows = [f"| `{entry.name}` | `{entry.method} {entry.path}` | {_mark(entry)} |" for entry in entries]
    return "\n".join([f"## {name}\n", "| Tool | Operation | What it does to the world |", "|---|---|---|", *rows, ""])


def _mark(entry: Entry) -> str:
    if entry.billable:
        return "billable: asks first"
    return "destructive" if entry.destructive else "reads" if entry.reads else "changes"
