"""What a carrier that rents out numbers must be able to do. An adapter is one class, named in ``api/carriers.py``.

Its methods raise the platform's errors, in words for whoever asked: ``PaymentRequired``, ``Forbidden``, ``Conflict``
and ``BadRequest`` when the carrier said no, so that nothing was done; ``BadGateway`` when nobody knows what was done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
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
    monthly_usd: float | None = None
    """``None``: as it was offered."""
    ready: bool = True
    """Whether it calls and rings already; an order may wait for the carrier, or for papers the carrier wants."""


@dataclass(frozen=True, slots=True)
class Line:
    """The way to a carrier's numbers: what makes the SIP trunk they are reached through."""

    host: str
    port: int = 0
    """0: wherever DNS says (RFC 3263)."""
    username: str = ""
    """Empty: the carrier knows us by our address."""
    password: str = field(default="", repr=False)
    registers: bool = False
    """Whether the carrier calls where we registered; otherwise it was told our address."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    sources: tuple[str, ...] = ()
    """Addresses and networks its calls come from, beside those of ``host``."""
    is_sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What a carrier's numbers of one country cost each month, in US dollars."""

    country: str
    usd: float
    since: datetime
    """When it was asked for."""


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

    async def buy(self, e164: str, order: str) -> Rental | None:
        """Rent a number; ``None`` when it is gone. ``order``, our id of the purchase, makes sure it is made once."""
        ...

    async def find(self, e164: str, order: str) -> Rental | None:
        """Return what became of a purchase; ``None`` when nothing was bought, and nothing will be."""
        ...

    async def release(self, e164: str, ref: str) -> None:
        """Give a number back; nothing happens when it is gone already."""
        ...

    async def prices(self) -> list[Price]:
        """Return what numbers cost by country."""
        ...

    def line(self) -> Line:
        """Return the way to its numbers."""
        ...

    async def check(self) -> str:
        """Ask whether the carrier would serve us, and return what it says in a few words; raises as the others do."""
        ...
