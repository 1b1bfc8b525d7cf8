"""What the process of a role does first, and how it tells whoever started it that it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dialnexa.kit.logging import configure_logging
from dialnexa.kit.process import die_with_parent
from dialnexa.kit.tracing import tracing
from dialnexa.platform.migrations import require_current
from dialnexa.settings import Settings


@contextmanager
def role(name: str, settings: Settings) -> Generator[None]:
    """Write logs and traces as the operator wants them, and end with the supervisor if there is one.

    Raises ``WrongSchema`` when the database is not migrated to exactly this version.
    """
    configure_logging(level=settings.log_level, as_json=settings.log_json)
    if supervisor := os.environ.get("DIALNEXA_SUPERVISOR"):
        die_with_parent(int(supervisor))
    require_current(settings.resolved_database_url)
    with tracing(f"dialnexa-{name}", settings.otlp_endpoint):
        yield


def write_ready_file(path: Path, facts: Mapping[str, object]) -> None:
    """Write facts as JSON so that a reader sees either nothing or all of it."""
    part = path.with_suffix(path.suffix + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(json.dumps(facts, indent=2))
    part.replace(path)
