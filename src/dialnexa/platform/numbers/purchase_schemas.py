"""Wire shapes of renting numbers (contract B.9), in both spellings the published clients use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from dialnexa.kit import countries, phone
from dialnexa.kit.clock import iso
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue, NumberKind, Offer, Price
from dialnexa.platform.numbers.purchase import Order
from dialnexa.platform.numbers.schemas import NumberOut
from dialnexa.platform.wire import Body


def _e164(value: object) -> object:
    number = phone.to_e164(value)
    if number is None:
        raise ValueError("must be a valid E.164 phone number, such as +14155550100")
    return number


def _iso(value: object) -> object:
    known = countries.country(value) if isinstance(value, str) else None
    if known is None:
        raise ValueError("must be an ISO 3166 code of two letters, such as US")
    return known.iso


E164 = Annotated[str, BeforeValidator(_e164)]
CountryIso = Annotated[str, BeforeValidator(_iso)]


class PurchaseIn(Body):
    """A number to rent."""

    phone_number: E164 = Field(validation_alias=AliasChoices("phone_number", "phoneNumber"))
    provider: str | None = Field(
        default=None, validation_alias=AliasChoices("provider", "telephonyProviderId", "telephony_provider_id")
    )
    """Who rents it out; by default the carrier of this installation."""
    country_iso: CountryIso | None = Field(
        default=None, validation_alias=AliasChoices("country_iso", "countryISO", "countryIso", "country_code")
    )
    """Checked against the number when given."""
    nickname: Annotated[str, Field(max_length=100)] | None = None
    agent_id: str | None = None
    """The agent that shall answer it."""

    def order(self) -> Order:
        """Return what is wanted."""
        return Order(self.phone_number, self.country_iso, self.nickname, self.agent_id)


class PurchaseOut(NumberOut):
    """The number that was rented, with the fields of both generations of clients."""

    phoneNumber: str
    message: str
    organizationPhoneNumber: NumberOut

    @classmethod
    def of_purchase(cls, number: NumberOut) -> PurchaseOut:
        """Describe a purchase."""
        message = {"active": "Phone number purchased."}.get(number.status, "The carrier is still working on it.")
        fields = number.model_dump()
        return cls(**fields, phoneNumber=number.phone_number, message=message, organizationPhoneNumber=number)


class OfferOut(BaseModel):
    """A number that can be rented now."""

    number: str
    phone_number: str
    type: NumberKind
    country_iso: str
    monthly_rental_rate: float
    """US dollars."""
    setup_rate: float
    voice_enabled: bool = True
    sms_enabled: bool
    mms_enabled: bool
    number_format: Literal["E.164"] = "E.164"

    @classmethod
    def of(cls, offer: Offer) -> OfferOut:
        """Describe an offer."""
        return cls(
            number=offer.e164,
            phone_number=offer.e164,
            type=offer.kind,
            country_iso=offer.country,
            monthly_rental_rate=offer.monthly_usd,
            setup_rate=offer.setup_usd,
            sms_enabled=offer.sms,
            mms_enabled=offer.mms,
        )


class OffersMeta(BaseModel):
    """How many there are."""

    total_count: int
    limit: int
    offset: int


class OffersOut(BaseModel):
    """Numbers that can be rented, in the envelope of Plivo's number search, which older clients read."""

    api_id: str
    """This request's id."""
    provider: str
    objects: list[OfferOut]
    meta: OffersMeta


class ProviderOut(BaseModel):
    """Who rents numbers out."""

    id: str
    name: str


class PriceOut(BaseModel):
    """What a number of a country costs each month."""

    telephony_provider_id: str
    country_iso: str
    country_name: str
    credit_cost: float
    """US dollars."""
    created_at: str
    updated_at: str
    telephonyProvider: ProviderOut

    @classmethod
    def of(cls, price: Price, carrier: CarrierCatalogue) -> PriceOut:
        """Describe a price."""
        known = countries.country(price.country)
        return cls(
            telephony_provider_id=carrier.provider,
            country_iso=price.country,
            country_name=known.name if known else price.country,
            credit_cost=price.usd,
            created_at=iso(price.since),
            updated_at=iso(price.since),
            telephonyProvider=ProviderOut(id=carrier.provider, name=carrier.provider.capitalize()),
        )
