"""The databases and the house of the tests of calls, and the world of those of the API, for workers too."""

from __future__ import annotations

from tests.api.conftest import furnished, world
from tests.platform.calls.conftest import any_house, any_url, empty_sqlite, house, postgres, url

__all__ = ["any_house", "any_url", "empty_sqlite", "furnished", "house", "postgres", "url", "world"]
