"""What a carrier that rents out numbers must be able to do. An adapter is one class, named in ``api/app.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

NumberKind = Literal["local", "mobile", "toll_free"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which numbers are looked for."""

    country: str
    """ISO 3166 alpha-2."""
    kind: NumberKind | None = None
    area: str = ""
    """National digits they begin with, such as an area code."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that can be rented now."""

    e164: str
    country: str
    kind: NumberKind
    monthly_usd: float
    setup_usd: float = 0.0
    sms: bool = False
    mms: bool = False


@dataclass(frozen=True, slots=True)
class Rental:
    """A number the carrier has given us."""

    ref: str
    """What the carrier calls it."""
    monthly_usd: float


@dataclass(frozen=True, slots=True)
class Price:
    """What a carrier's numbers of one country cost each month, in US dollars."""

    country: str
    usd: float


class CarrierCatalogue(Protocol):
    """A carrier's numbers. Its methods may take as long as its server; none runs inside a transaction."""

    @property
    def provider(self) -> str:
        """Return the carrier's name, as numbers have it in their field ``provider``."""
        ...

    async def search(self, wanted: Wanted) -> list[Offer]:
        """Return some numbers that can be rented; none when the carrier has no such numbers."""
        ...

    async def offer(self, e164: str) -> Offer | None:
        """Return the offer of one number; ``None`` when the carrier does not rent it out."""
        ...

    async def buy(self, e164: str) -> Rental | None:
        """Rent a number; ``None`` when it is gone. Renting one we have already changes nothing."""
        ...

    async def find(self, e164: str) -> Rental | None:
        """Return our rental of a number; ``None`` when we have none."""
        ...

    async def release(self, e164: str, ref: str) -> None:
        """Give a number back; nothing happens when it is gone already."""
        ...

    def prices(self) -> list[Price]:
        """Return what numbers cost by country."""
        ...
