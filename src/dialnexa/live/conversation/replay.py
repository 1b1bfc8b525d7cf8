"""A recorded conversation, decided once more: what a machine did can be examined long after the call."""

from __future__ import annotations

from collections.abc import Iterable

from dialnexa.live.conversation.actions import Action
from dialnexa.live.conversation.events import Event
from dialnexa.live.conversation.machine import TurnMachine
from dialnexa.live.conversation.settings import TurnSettings


def replay(settings: TurnSettings, log: Iterable[Event]) -> list[tuple[Action, ...]]:
    """Run a recorded log through a fresh machine and return what it did at each event."""
    machine = TurnMachine(settings)
    return [machine.handle(event) for event in log]
