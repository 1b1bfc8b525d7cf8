"""Wire shapes of Telephony Config and of the rules of countries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from dialnexa.kit import countries
from dialnexa.kit.countries import Country, LineKind
from dialnexa.platform.tenancy.telephony import NetworkGroup, TelephonyRules
from dialnexa.platform.wire import Body

Prefix = Annotated[str, Field(pattern=r"^\+[1-9]\d{0,14}$")]
_KIND_NAMES = {
    LineKind.LANDLINE: "landlines",
    LineKind.MOBILE: "mobiles",
    LineKind.TOLL_FREE: "toll-free numbers",
    LineKind.SPECIAL: "internet, personal and company-wide numbers",
    LineKind.PREMIUM: "premium and shared-cost numbers",
}


class TelephonyIn(Body):
    """Changes to where a workspace may call; fields left out stay as they are."""

    blocked_prefixes: Annotated[list[Prefix], Field(max_length=1000)] | None = None
    """Nobody calls numbers that begin so, on whichever way out."""
    allow_premium: bool | None = None
    """Whether premium, shared-cost and satellite numbers may be called."""
    sip_byoc_enabled: bool | None = None
    """Whether calls over your own SIP trunks go wherever your carrier lets them."""

    def over(self, known: TelephonyRules) -> TelephonyRules:
        """Return the rules with these changes."""
        return TelephonyRules(
            known.blocked_prefixes if self.blocked_prefixes is None else tuple(self.blocked_prefixes),
            known.allow_premium if self.allow_premium is None else self.allow_premium,
            known.groups,
            known.sip_byoc if self.sip_byoc_enabled is None else self.sip_byoc_enabled,
            known.home,
        )


class TelephonyOut(BaseModel):
    """Where a workspace may call."""

    blocked_prefixes: list[str]
    allow_premium: bool
    sip_byoc_enabled: bool
    home_countries: list[str]
    """Their ordinary network groups are open until somebody closes them; numbers of yours add their own country."""
    opened_network_groups: list[str]
    closed_network_groups: list[str]

    @classmethod
    def of(cls, rules: TelephonyRules) -> TelephonyOut:
        """Describe the rules."""
        return cls(
            blocked_prefixes=list(rules.blocked_prefixes),
            allow_premium=rules.allow_premium,
            sip_byoc_enabled=rules.sip_byoc,
            home_countries=sorted(rules.home),
            opened_network_groups=sorted(name for name, on in rules.groups.items() if on),
            closed_network_groups=sorted(name for name, on in rules.groups.items() if not on),
        )


class NetworkGroupPatch(Body):
    """Whether a network group may be called."""

    enabled: bool


class NetworkGroupOut(BaseModel):
    """One kind of line in one country."""

    id: str
    name: str
    country_iso: str
    type: LineKind
    enabled: bool
    is_default: bool
    """Nobody has opened or closed it."""

    @classmethod
    def of(cls, group: NetworkGroup, rules: TelephonyRules) -> NetworkGroupOut:
        """Describe a group as the rules have it."""
        return cls.model_validate(_group(group, rules))


class NetworkGroupDetail(NetworkGroupOut):
    """A network group with the prefixes its numbers begin with."""

    prefixes: list[str]
    """At most three national digits long. Two groups may share one; the whole number decides."""

    @classmethod
    def of(cls, group: NetworkGroup, rules: TelephonyRules) -> NetworkGroupDetail:
        """Describe a group; working its prefixes out takes milliseconds the first time."""
        found = countries.prefixes(group.country, group.kind)
        return cls.model_validate({**_group(group, rules), "prefixes": list(found)})


class CountryOut(BaseModel):
    """A country, and what may be called of it."""

    country_iso: str
    country_name: str
    calling_code: str
    enabled: bool
    """Whether any of its groups is."""
    network_groups: list[NetworkGroupOut]

    @classmethod
    def of(cls, country: Country, rules: TelephonyRules) -> CountryOut:
        """Describe a country as the rules have it."""
        groups = [NetworkGroupOut.of(group, rules) for group in groups_of(country)]
        return cls(
            country_iso=country.iso,
            country_name=country.name,
            calling_code=country.calling_code,
            enabled=any(group.enabled for group in groups),
            network_groups=groups,
        )


class CountryRule(BaseModel):
    """A country of the telephone network."""

    id: str
    country_iso: str
    country_name: str
    calling_code: str
    max_length: int
    """National digits at most."""
    prefixes: list[str]
    """What its numbers begin with."""
    is_deleted: bool = False

    @classmethod
    def of(cls, country: Country) -> CountryRule:
        """Describe a country."""
        return cls(
            id=f"pcr_{country.iso.lower()}",
            country_iso=country.iso,
            country_name=country.name,
            calling_code=country.calling_code,
            max_length=country.max_length,
            prefixes=list(countries.dial_prefixes(country.iso)),
        )


class EnabledCountry(BaseModel):
    """The rule of a country, in the words of the published OpenAPI file."""

    country_iso: str
    country_name: str
    calling_code: str
    prefixes: list[str]


class EnabledGroups(BaseModel):
    """What may be called of one country: these prefixes only."""

    prefix_mode: Literal["allow_only_listed"] = "allow_only_listed"
    from_phone_number_country_code: str | None
    countryRule: EnabledCountry

    @classmethod
    def of(cls, country: Country, rules: TelephonyRules, home: str | None) -> EnabledGroups | None:
        """Describe the open groups of a country; ``None`` when it has none."""
        groups = [group for group in groups_of(country) if rules.opens(group)]
        if not groups:
            return None
        found = {prefix for group in groups for prefix in countries.prefixes(group.country, group.kind)}
        rule = EnabledCountry(
            country_iso=country.iso,
            country_name=country.name,
            calling_code=country.calling_code,
            prefixes=sorted(found),
        )
        return cls(from_phone_number_country_code=home, countryRule=rule)


def groups_of(country: Country) -> list[NetworkGroup]:
    """Return the network groups of a country."""
    return [NetworkGroup(country.iso, kind) for kind in countries.kinds(country.iso)]


def _group(group: NetworkGroup, rules: TelephonyRules) -> dict[str, object]:
    country = countries.country(group.country)
    return {
        "id": group.id,
        "name": f"{country.name if country else 'No country'}: {_KIND_NAMES[group.kind]}",
        "country_iso": group.country,
        "type": group.kind,
        "enabled": rules.opens(group),
        "is_default": group.id not in rules.groups,
    }
