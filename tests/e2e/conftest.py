"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.installation import Installation, running


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation shared by tests that leave it as they found it."""
    allowed = {"DIALNEXA_OUTGOING_ALLOW": "127.0.0.0/8"}  # webhooks may come to the tests
    with running(tmp_path_factory.mktemp("home") / "data", environment=allowed) as installation:
        yield installation
