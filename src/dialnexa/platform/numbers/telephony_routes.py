"""Telephony Config and the rules of countries over HTTP (contract B.9, B.11).

They stand with the numbers, for the countries of a workspace's numbers are its own.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import countries
from dialnexa.kit.errors import NotFound
from dialnexa.platform.http import Db, Listing, Pages, Principal, Requires, Router, listing
from dialnexa.platform.numbers import service
from dialnexa.platform.tenancy import telephony
from dialnexa.platform.tenancy.telephony import NetworkGroup, TelephonyRules
from dialnexa.platform.tenancy.telephony_schemas import (
    CountryOut,
    CountryRule,
    EnabledGroups,
    NetworkGroupDetail,
    NetworkGroupOut,
    NetworkGroupPatch,
    TelephonyIn,
    TelephonyOut,
    groups_of,
)

config = Router(tags=["Telephony Config"])
rules = Router(tags=["Country rules"])

Reader = Annotated[Principal, Requires("workspace:read")]
Writer = Annotated[Principal, Requires("workspace:write")]
_WHAT = "where a workspace may call"


@config.get("/telephony-config", summary="Get telephony rules")
async def get_telephony(who: Reader, database: Db) -> TelephonyOut:
    """Return where the workspace may call."""
    async with database.read() as session:
        return TelephonyOut.of(await _rules(session, who))


@config.patch("/telephony-config", summary="Set telephony rules")
async def set_telephony(body: TelephonyIn, who: Writer, database: Db) -> TelephonyOut:
    """Set where the workspace may call. Premium numbers are closed until `allow_premium` opens them."""
    who.may_change(live=True, what=_WHAT)
    async with database.write() as session:
        await telephony.hold(session, who.workspace_id)
        await telephony.set_rules(
            session, who.workspace_id, body.over(await telephony.rules(session, who.workspace_id))
        )
        return TelephonyOut.of(await _rules(session, who))


@config.get("/telephony-config/countries", summary="List countries and their network groups")
async def list_countries(
    who: Reader,
    database: Db,
    page: Pages,
    search: Annotated[str | None, Query(max_length=100, description="Part of the name, or the ISO code.")] = None,
    enabled: Annotated[bool | None, Query(description="Only those that may be called, or may not.")] = None,
) -> Listing[CountryOut]:
    """List every country with its network groups, by name: which may be called from your numbers with a carrier."""
    async with database.read() as session:
        known = await _rules(session, who)
    wanted = (search or "").lower()
    found = [
        CountryOut.of(country, known)
        for country in countries.countries()
        if wanted in country.name.lower() or wanted == country.iso.lower()
    ]
    shown = [country for country in found if enabled is None or country.enabled is enabled]
    return listing(shown[page.offset : page.offset + page.limit], len(shown), page)


@config.get("/telephony-config/countries/{country_iso}", summary="Get a country's network groups")
async def get_country(country_iso: str, who: Reader, database: Db) -> list[NetworkGroupDetail]:
    """Return the network groups of a country with the prefixes of their numbers."""
    country = countries.country(country_iso)
    if country is None:
        raise NotFound(f"Country {country_iso} not found. Use an ISO 3166 code of two letters, such as US.")
    async with database.read() as session:
        known = await _rules(session, who)
    return await asyncio.to_thread(lambda: [NetworkGroupDetail.of(group, known) for group in groups_of(country)])


@config.patch("/telephony-config/network-groups/{group_id}", summary="Open or close a network group")
async def set_group(group_id: str, body: NetworkGroupPatch, who: Writer, database: Db) -> NetworkGroupOut:
    """Let one kind of line in one country be called, such as `gb-mobile`, or no longer. Running calls go on."""
    who.may_change(live=True, what=_WHAT)
    group = NetworkGroup.named(group_id)
    async with database.write() as session:
        await telephony.set_group(session, who.workspace_id, group, enabled=body.enabled)
        return NetworkGroupOut.of(group, await _rules(session, who))


@rules.get("/phone-country-rules/countries", summary="List countries")
async def list_country_rules(_who: Reader) -> list[CountryRule]:
    """List every country that has phone numbers."""
    return await asyncio.to_thread(lambda: [CountryRule.of(country) for country in countries.countries()])


@rules.get("/phone-country-rules/enabled-network-groups", summary="List what may be called")
async def list_enabled(who: Reader, database: Db) -> list[EnabledGroups]:
    """List the countries that may be called from your numbers with a carrier, with the prefixes that may."""
    async with database.read() as session:
        known = await _rules(session, who)
    home = min(known.home, default=None)

    def described() -> list[EnabledGroups]:
        found = (EnabledGroups.of(country, known, home) for country in countries.countries())
        return [one for one in found if one is not None]

    return await asyncio.to_thread(described)


async def _rules(session: AsyncSession, who: Principal) -> TelephonyRules:
    """Return the rules with the countries of all active numbers that a carrier rents out."""
    return await service.carrier_rules(session, who.workspace_id)
