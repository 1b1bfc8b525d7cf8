"""What a conversation knows: call variables from the start, slots as the caller fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialnexa.kit import templates
from dialnexa.live.speech.embedded.flow.slots import Answer, completed


class Memory:
    """Names and their values; a slot hides a variable of the same name."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._texts: dict[str, str] = dict(variables)
        self._slots: dict[str, Answer] = {}
        self._learned: dict[str, str] = {}
        self._unsaid: set[str] = set()

    @property
    def slots(self) -> Mapping[str, Answer]:
        """What the caller told."""
        return self._slots

    @property
    def collected(self) -> Mapping[str, str]:
        """What is worth keeping after the call, by name: what the caller told, what was set, what functions told."""
        told = {name: answer.value for name, answer in self._slots.items() if name not in self._unsaid}
        return told | self._learned

    def copy(self) -> Memory:
        """Return a memory of the same things that goes its own way from here."""
        twin = Memory(self._variables)
        twin._texts, twin._slots = dict(self._texts), dict(self._slots)
        twin._learned, twin._unsaid = dict(self._learned), set(self._unsaid)
        return twin

    def keep(self, slot: str, answer: Answer, *, collected: bool = True) -> None:
        """Fill a slot; a day joins the time known before, and the other way round."""
        answer = completed(self._slots.get(slot), answer)
        self.forget(slot)
        (self._unsaid.discard if collected else self._unsaid.add)(slot)
        self._slots[slot] = answer
        self._texts |= {slot: answer.spoken, **_parts(slot, answer)}

    def learn(self, variables: Mapping[str, str]) -> None:
        """Take over what a function told; a slot of the same name is hidden by it."""
        self._texts |= variables
        self._learned |= variables

    def forget(self, slot: str) -> None:
        """Empty a slot, before its question is asked anew; a variable of that name shows again."""
        answer = self._slots.pop(slot, None)
        if answer is not None:
            for name in (slot, *_parts(slot, answer)):
                self._texts.pop(name, None)
            self._texts |= {slot: self._variables[slot]} if slot in self._variables else {}

    def text(self, name: str) -> str:
        """Return how a slot, a part of it (``new_time.day``) or a variable is said; empty when unknown."""
        return self._texts.get(name, "")

    def render(self, message: str) -> str:
        """Fill in a message, in one pass: values are data, never template."""
        return templates.render(message, self._texts).text.strip()

    def phrases(self, phrases: Sequence[str]) -> tuple[str, ...]:
        """Fill variables into phrases; a value must never turn a phrase into a pattern."""
        if not any("{{" in phrase for phrase in phrases):
            return tuple(phrases)
        harmless = {name: text.replace("/", " ") for name, text in self._texts.items()}
        return tuple(templates.render(text, harmless).text if "{{" in text else text for text in phrases)


def _parts(slot: str, answer: Answer) -> dict[str, str]:
    """Return the dotted names of a slot."""
    return {f"{slot}.value": answer.value, **{f"{slot}.{part}": text for part, text in answer.parts.items()}}
