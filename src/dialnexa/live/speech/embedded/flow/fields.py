"""Read typed values out of JSON that people and programs wrote, with errors that say where and what to mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast


class GraphError(ValueError):
    """The graph cannot run; ``problems`` holds a sentence for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class ReadError(ValueError):
    """One value is wrong; the message names the node or edge it belongs to."""


def mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def entries(value: object, name: str, problems: list[str]) -> list[Mapping[str, object]]:
    """Return a list of JSON objects; note what is not one."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        problems.append(f"'{name}' must be a list")
        return []
    items = cast("Sequence[object]", value)
    wrong = [index for index, item in enumerate(items) if not isinstance(item, Mapping)]
    problems += [f"'{name}' has something that is not an object at place {index + 1}" for index in wrong]
    return [mapping(item) for index, item in enumerate(items) if index not in wrong]


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one JSON object; ``where`` names it in errors."""

    raw: Mapping[str, object]
    where: str

    def error(self, problem: str) -> ReadError:
        """Return the error to raise."""
        return ReadError(f"{self.where}: {problem}")

    def value(self, key: str) -> object:
        """Return the raw value; ``None`` when missing."""
        return self.raw.get(key)

    def text(self, key: str) -> str:
        """Return a text; numbers are written out, missing is empty."""
        value = self.raw.get(key)
        if value is None:
            return ""
        if not isinstance(value, str | int | float):
            raise self.error(f"'{key}' must be a text")
        return str(value).lower() if isinstance(value, bool) else str(value).strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; one text alone counts as a list of one."""
        value = self.raw.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, Sequence) or not all(
            isinstance(item, str) for item in cast("Sequence[object]", value)
        ):
            raise self.error(f"'{key}' must be a list of texts")
        return tuple(text for text in cast("Sequence[str]", value) if text.strip())

    def count(self, key: str, default: int) -> int:
        """Return a number from 0 to 10."""
        value = self.raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10:
            raise self.error(f"'{key}' must be a whole number from 0 to 10")
        return value

    def flag(self, key: str) -> bool:
        """Return a yes or no; the words ``always`` and ``never`` count too."""
        value = self.raw.get(key, False)
        if isinstance(value, bool) or value in {"always", "never", "low_confidence"}:
            return value is True or value == "always"
        raise self.error(f"'{key}' must be true or false")

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """Return one of the allowed words."""
        value = self.raw.get(key, default)
        if not isinstance(value, str) or value not in allowed:
            listed = ", ".join(word for word in allowed if word)
            raise self.error(f"'{key}' is {value!r} but must be one of: {listed}")
        return value

    def inside(self, key: str) -> Fields:
        """Return the fields of an object inside; missing is empty."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, Mapping):
            raise self.error(f"'{key}' must be an object")
        return Fields(mapping(self.raw.get(key)), self.where)

    def objects(self, key: str) -> list[Mapping[str, object]]:
        """Return a list of objects; missing is empty."""
        problems: list[str] = []
        found = entries(self.raw.get(key, []), key, problems)
        if problems:
            raise self.error("; ".join(problems))
        return found
