"""A weak callback calls as long as its owner lives, and never keeps it alive."""

from __future__ import annotations

import gc
from collections.abc import Callable
from weakref import ref

import pytest

from dialnexa.kit.weak import weakly


class Part:
    def __init__(self, tell: Callable[[int], int]) -> None:
        self.tell = tell


class Owner:
    def __init__(self) -> None:
        self.part = Part(weakly(self.told))

    def told(self, number: int) -> int:
        return number + 1


def test_the_owner_is_called_back() -> None:
    owner = Owner()
    assert owner.part.tell(1) == 2


def test_an_owner_without_users_is_gone_at_once_and_calling_it_is_an_error() -> None:
    gc.disable()
    try:
        owner = Owner()
        gone, part = ref(owner), owner.part
        del owner
        assert gone() is None
    finally:
        gc.enable()
    with pytest.raises(ReferenceError, match="told"):
        part.tell(1)
