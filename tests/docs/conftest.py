"""The documentation is tried on the same served API as the API's own tests."""

from __future__ import annotations

from tests.api.conftest import furnished, world

__all__ = ["furnished", "world"]
