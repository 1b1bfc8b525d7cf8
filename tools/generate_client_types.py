"""Writes the generated types of examples/typescript from the OpenAPI document of this checkout.

Run it after a change to the API: ``.venv/bin/python tools/generate_client_types.py`` (``--check`` only compares).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from cryptography.fernet import Fernet

from dialnexa.api.app import assemble
from dialnexa.kit.secrets import Vault
from dialnexa.platform.calls.placing import Queue
from dialnexa.platform.database import Database

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.node import install, node

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "typescript"


async def document(folder: Path) -> dict[str, Any]:
    """Return the OpenAPI document; nothing is served, the database in ``folder`` stays empty."""
    async with Database.open(f"sqlite:///{folder / 'empty.db'}") as database:
        nobody_asks = cast(Queue, None)
        app = assemble(database, vault=Vault(Fernet.generate_key()), engine=nobody_asks, recordings=folder)
        return app.openapi()


def generate(*options: str) -> tuple[int, str]:
    """Write the types, or with ``--check`` compare them; return the exit status and what was printed."""
    install(EXAMPLE)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_text(json.dumps(asyncio.run(document(Path(folder)))))
        done = node(EXAMPLE, "scripts/generate.mjs", *options, str(file))
    return done.returncode, done.stdout


if __name__ == "__main__":
    status, said = generate(*sys.argv[1:])
    sys.stdout.write(said)
    sys.exit(status)
