"""Command-line options that several commands share; each overrides the setting of the same name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from dialnexa.cli.mistakes import Mistake
from dialnexa.kit.spelling import meant
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.transport.edge import Edges
from dialnexa.settings import Settings

_PREFIX = "DIALNEXA_"

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder for database, recordings and keys; ./var if not given.")
]
HttpPort = Annotated[
    int | None, typer.Option("--http-port", help="Port of the API, 8080 if not given; 0 takes a free one.")
]
SipPort = Annotated[
    int | None, typer.Option("--sip-port", help="UDP port for SIP, 5060 if not given; 0 takes a free one.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Worker processes, one for each core that shall carry calls; 1 if not given."),
]
ReadyFile = Annotated[
    Path | None, typer.Option("--ready-file", help="Write JSON here once all parts answer: addresses, keys, pid.")
]
DrainSeconds = Annotated[
    float | None, typer.Option("--drain-seconds", help="How long live calls may go on after SIGTERM; 30 if not given.")
]


def settings_with(**overrides: Any) -> Settings:
    """Return the settings of the environment, with the options that were given on top; raises ``Mistake``."""
    refuse_misspelt(os.environ)
    settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    try:
        PortRange.parse(settings.rtp_ports)
    except ValueError as error:
        raise Mistake(f"DIALNEXA_RTP_PORTS: {error}") from None
    try:
        Edges.parse(settings.sip_edge_sources, settings.sip_edge)
    except ValueError as error:
        raise Mistake(f"DIALNEXA_SIP_EDGE, DIALNEXA_SIP_EDGE_SOURCES: {error}") from None
    return settings


def refuse_misspelt(environment: Iterable[str]) -> None:
    """Raise ``Mistake`` for variables that are a slip of the pen away from a setting that is not set."""
    sent = {name.removeprefix(_PREFIX).lower() for name in environment if name.startswith(_PREFIX)}
    absent = Settings.model_fields.keys() - sent
    slips = {name: right for name in sorted(sent - Settings.model_fields.keys()) if (right := meant(name, absent))}
    if slips:
        raise Mistake(
            "\n".join(
                f"{_PREFIX}{name.upper()} is no setting; did you mean {_PREFIX}{right.upper()}?"
                for name, right in slips.items()
            )
        )
