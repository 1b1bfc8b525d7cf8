"""The conformance tests speak HTTP only, to a served API with a workspace in it."""

from tests.api.conftest import furnished, world

__all__ = ["furnished", "world"]
