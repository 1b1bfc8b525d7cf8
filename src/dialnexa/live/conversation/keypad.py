"""Gathers the caller's key presses into numbers (contract C.8)."""

from __future__ import annotations

from dialnexa.live.conversation.settings import TurnSettings


class Keypad:
    """Digits pressed and not yet handed on."""

    def __init__(self, settings: TurnSettings) -> None:
        self._limit = settings.keypad_digits
        self._end = settings.keypad_end
        self._digits = ""

    def __bool__(self) -> bool:
        return bool(self._digits)

    def press(self, digit: str) -> bool:
        """Add a digit; say whether the number is complete (limit reached, or the termination key pressed).

        The termination key ends a number and is no part of it; pressed alone it is what the caller meant to send.
        """
        if digit == self._end and self._digits:
            return True
        self._digits += digit
        return len(self._digits) >= self._limit or digit == self._end

    def take(self) -> str:
        """Hand the digits over and start afresh."""
        digits, self._digits = self._digits, ""
        return digits
