"""A person on the phone: performs one script over a line. Moved by the line's own clock only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialnexa.live.line import SAMPLE_RATE, Line, LineEnd, Samples, Utterance
from dialnexa.live.sandbox import audio
from dialnexa.live.sandbox.listener import TurnListener
from dialnexa.live.sandbox.scripts import (
    AwaitHangUp,
    AwaitTurn,
    Beep,
    BreakOff,
    Menu,
    Murmur,
    Pause,
    PickUp,
    Say,
    Script,
    Stay,
    Step,
    TakeMessage,
)


async def perform(script: Script, line: Line) -> LineEnd:
    """Play a script over a connected line and hang up after its last step; return how the line ended.

    When the other side hangs up first, the rest of the script is dropped. Nothing outlives this coroutine.
    """
    performance = _Performance(line)
    async with asyncio.TaskGroup() as tasks:
        acting = tasks.create_task(performance.play(script))
        end = await line.ended()
        acting.cancel()
    return end


class _OutOfPatience(Exception):
    """The other side said nothing, however often it was asked."""


class _Performance:
    """One script in progress: the ears, the mouth, and the step that waits for either."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._turns = TurnListener()
        self._keys: list[str] = []
        self._now = 0
        self._waiting: tuple[Callable[[], bool], asyncio.Future[None]] | None = None

    async def play(self, script: Script) -> None:
        """Perform every step, then hang up."""
        self._line.listen(self)
        try:
            for step in script:
                await self._perform(step)
        except _OutOfPatience:
            pass
        await self._line.hang_up()

    # --- what the line tells -----------------------------------------------------------------------------------------

    def on_audio(self, samples: Samples, at: int) -> None:
        """Ignore the audio itself: the voice probability says enough."""

    def on_voice(self, probability: float, at: int) -> None:
        """Note whether the other side speaks."""
        self._turns.hear(probability, at)

    def on_digit(self, digit: str, at: int) -> None:
        """Note a key for the menu."""
        self._keys.append(digit)

    def on_tick(self, at: int) -> None:
        """Move on when the step has what it waits for."""
        self._now = at
        if self._waiting is not None and self._waiting[0]():
            future, self._waiting = self._waiting[1], None
            if not future.done():
                future.set_result(None)

    # --- waiting and speaking ----------------------------------------------------------------------------------------

    async def _until(self, condition: Callable[[], bool]) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting = (condition, future)
        await future

    async def _pause(self, seconds: float) -> None:
        due = self._now + _samples(seconds)
        await self._until(lambda: self._now >= due)

    def _speak(self, sound: Samples) -> Utterance:
        utterance = self._line.say()
        utterance.push(sound)
        utterance.finish()
        return utterance

    async def _say(self, sound: Samples) -> None:
        utterance = self._speak(sound)
        await self._until(lambda: utterance.done)
        self._turns.start_over(self._now)

    # --- the steps ---------------------------------------------------------------------------------------------------

    async def _perform(self, step: Step) -> None:
        match step:
            case PickUp(phrase, after_s):
                await self._pause(after_s)
                if not self._turns.spoke():
                    await self._say(audio.phrase(phrase))
            case Say(phrase):
                await self._say(audio.phrase(phrase))
            case Murmur(phrase):
                utterance = self._speak(audio.phrase(phrase))
                await self._until(lambda: utterance.done)
            case BreakOff(phrase, after_s):
                utterance = self._speak(audio.phrase(phrase))
                await self._until(lambda: utterance.played >= _samples(after_s))
            case AwaitTurn():
                await self._await_turn(step)
            case Pause(seconds):
                await self._pause(seconds)
            case Beep():
                await self._say(audio.beep())
            case TakeMessage():
                await self._take_message(step)
            case Menu():
                await self._read_menu(step)
            case AwaitHangUp(silence_s):
                await self._until(lambda: self._turns.silence(self._now) >= _samples(silence_s))
            case Stay():
                await self._until(lambda: False)

    async def _await_turn(self, step: AwaitTurn) -> None:
        """Wait for the other side, nudging it when it is silent. Raises ``_OutOfPatience``."""
        patience_s = step.patience_s
        nudges = step.nudges if step.nudge else 0
        while not await self._heard_within(patience_s, step.spoken_s):
            if not step.nudge:
                return
            if not nudges:
                raise _OutOfPatience
            nudges -= 1
            patience_s = step.again_s
            await self._say(audio.phrase(step.nudge))

    async def _heard_within(self, patience_s: float, spoken_s: float | None) -> bool:
        """Return true once the turn is ours (or long enough begun), false when silence outlasted the patience."""
        turns = self._turns

        def ours() -> bool:
            begun = spoken_s is not None and turns.speaking_for(self._now) >= _samples(spoken_s)
            return begun or turns.turn_over(self._now)

        await self._until(lambda: ours() or turns.silence(self._now) >= _samples(patience_s))
        return ours()

    async def _take_message(self, step: TakeMessage) -> None:
        full = self._now + _samples(step.longest_s)
        turns = self._turns

        def over() -> bool:
            enough = step.silence_s if turns.spoke() else step.none_s
            return self._now >= full or turns.silence(self._now) >= _samples(enough)

        await self._until(over)

    async def _read_menu(self, menu: Menu) -> None:
        for _ in range(menu.readings):
            key = await self._choice(menu)
            if key in menu.replies:
                return await self._say(audio.phrase(menu.replies[key]))
            if key:
                await self._say(audio.phrase(menu.wrong))
        return await self._say(audio.phrase(menu.goodbye))

    async def _choice(self, menu: Menu) -> str:
        """Read the menu once and return the key pressed, which cuts the reading short; empty when none was."""
        self._keys.clear()
        reading = self._speak(audio.phrase(menu.prompt))
        await self._until(lambda: bool(self._keys) or reading.done)
        if not self._keys:
            due = self._now + _samples(menu.wait_s)
            await self._until(lambda: bool(self._keys) or self._now >= due)
        reading.cut()
        return self._keys[0] if self._keys else ""


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
