"""Numbered pages, as every list of the API offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

DEFAULT_LIMIT = 20
MAX_LIMIT = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted: page ``number`` (from 1) of ``limit`` items each."""

    number: int = 1
    limit: int = DEFAULT_LIMIT

    @property
    def offset(self) -> int:
        """Return how many items lie before this page."""
        return (self.number - 1) * self.limit

    def pages(self, total: int) -> int:
        """Return how many pages ``total`` items fill."""
        return -(-total // self.limit)


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One page of a list, and how many items the whole list has."""

    items: Sequence[T]
    total: int
