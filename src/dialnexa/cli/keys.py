"""``dialnexa keys``: show the keys of the installation's first workspace."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console
from rich.markup import escape

from dialnexa.cli.installation import NotPrepared, read
from dialnexa.cli.options import Data, settings_with


def keys(data: Data = None) -> None:
    """Print the API keys and the demo agent's ids."""
    console, complaints = (Console(stderr=stderr, highlight=False, soft_wrap=True) for stderr in (False, True))
    settings = settings_with(data=data)
    try:
        home = asyncio.run(read(settings))
        if home is None:
            raise NotPrepared(
                f"No installation in {settings.data}. Run `dialnexa up` first, or name its folder with --data."
            )
    except NotPrepared as error:
        complaints.print(f"[red]{escape(str(error))}[/red]")
        sys.exit(1)
    for name, value in home.facts().items():
        console.print(f"{name:18} {value}")
