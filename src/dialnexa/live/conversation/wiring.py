"""How the parts of a conversation are tied to it: what ears, mouth and agent are given to tell, and to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from dialnexa.live.conversation.events import Event
from dialnexa.live.timeline import Happening


@dataclass(frozen=True, slots=True)
class Wiring:
    """The calls back into a conversation. They are weak, so a part does not keep its conversation alive."""

    tell: Callable[[Event], None]
    """Hands an event to the turn machine."""
    emit: Callable[[Happening], None]
    """Puts something on the call's timeline."""
    now: Callable[[], int]
    """The call clock, in ms."""
    spawn: Callable[[Coroutine[object, object, None]], asyncio.Task[None]]
    """Starts a job that ends with the conversation at the latest."""
