"""The site: every guide can be found, every route and tool is in the reference, and nothing comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tools.docs import reference, site

from dialnexa.api.mcp.tools import ENTRIES
from dialnexa.settings import Settings
from tests.api.contract import VERBS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return site.generated()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` builds it: a broken link fails."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def leaves(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for one in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from leaves(one)


def test_every_page_is_in_the_navigation_once(pages: dict[str, str]) -> None:
    written = [file.name for file in (ROOT / "docs").glob("*.md")]
    assert sorted(leaves(site.navigation(ROOT / "docs"))) == sorted([*written, *pages])


def test_a_guide_nobody_thought_of_gets_in_as_well(tmp_path: Path) -> None:
    (tmp_path / "new.md").write_text("# New")
    assert "new.md" in [*leaves(site.navigation(tmp_path))]


def test_every_route_is_in_the_reference(pages: dict[str, str]) -> None:
    text = "\n".join(pages.values())
    document = site.openapi()
    routes = [
        f"`{verb.upper()} {path}`" for path, known in document["paths"].items() for verb in VERBS if verb in known
    ]
    assert len(routes) > 50
    assert [route for route in routes if route not in text] == []


def test_every_tool_and_every_setting_is_in_the_reference(pages: dict[str, str]) -> None:
    assert all(f"| `{entry.name}` |" in pages["reference/tools.md"] for entry in ENTRIES)
    assert all(f"`DIALNEXA_{name.upper()}`" in pages["reference/settings.md"] for name in Settings.model_fields)


def test_a_field_is_told_with_its_type_its_bounds_and_whether_it_must_be_there() -> None:
    limit = {"type": "integer", "minimum": 1, "maximum": 200, "default": 20, "description": "How\nmany."}
    kind = {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}
    thing = {
        "properties": {"limit": limit, "kind": kind, "inner": {"$ref": "#/components/schemas/Inner"}},
        "required": ["kind"],
    }
    inner = {"properties": {"names": {"type": "array", "items": {"type": "string"}}}}
    document = {
        "components": {"schemas": {"Thing": thing, "Inner": inner}},
        "paths": {
            "/v1/things": {
                "post": {
                    "tags": ["Things"],
                    "summary": "Make a thing",
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
                    },
                    "responses": {"204": {"description": "Made."}, "400": {"description": "No."}},
                }
            }
        },
    }
    assert reference.pages(document) == {
        "Things": """# Things

## Make a thing

`POST /v1/things`

**Body**

| Field | Type | Meaning |
|---|---|---|
| `limit` | integer, 1 to 200, default `20` | How many. |
| `kind` * | `a`, `b` or null |  |
| `inner` | *Inner* |  |

*Inner*

| Field | Type | Meaning |
|---|---|---|
| `names` | array of string |  |

**Answer 204**: Made.
"""
    }


def test_the_site_builds_and_needs_no_other_server(built: Path) -> None:
    found = [
        (file.name, address)
        for file in built.rglob("*.html")
        for address in re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', file.read_text())
    ]
    assert found == []
    assert (built / "reference" / "calls.html").exists()


def test_no_page_has_a_diagram_that_would_fetch_its_renderer() -> None:
    assert not [file.name for file in (ROOT / "docs").glob("*.md") if "```mermaid" in file.read_text()]
