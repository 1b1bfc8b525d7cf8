"""The worker's endpoint as its settings want it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dialnexa.settings import Settings
from dialnexa.worker.signalling import open_endpoint

PUBLIC = "203.0.113.7"
NOBODY: Any = SimpleNamespace(trunks_at=lambda host: [], find_credentials=lambda user: None)


@pytest.mark.parametrize(("edge", "sip_host"), [("", PUBLIC), ("10.0.0.5:5070", "127.0.0.1")])
async def test_behind_an_edge_only_audio_comes_in_at_the_public_address(edge: str, sip_host: str) -> None:
    settings = Settings(sip_host="127.0.0.1", sip_port=0, sip_tls_port=0, sip_public_host=PUBLIC, sip_edge=edge)
    async with open_endpoint(settings, NOBODY, NOBODY, lambda call: call.reject(486), lambda: True) as (endpoint, _):
        assert endpoint.advertised[0] == sip_host
        assert endpoint.audio_host == PUBLIC
