"""Days on which a country does not work, and which country a timezone lies in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files

from tools.analysis.calendar import Holiday, public_holidays


@cache
def country_of(timezone: str) -> str | None:
    """The ISO code of the country that the timezone's city lies in, None for one of no country (UTC)."""
    for line in files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines():
        parts = line.split("\t")
        if len(parts) >= 3 and not line.startswith("#") and parts[2] == timezone:
            return parts[0]
    return None


def closures(countries: Iterable[str], home: str | None, first: date, last: date) -> tuple[Holiday, ...]:
    """Public holidays of the countries, and those of the home country's regions, of banks and half days, by date."""
    wanted = {country for country in countries if len(country) == 2 and country.isupper()}
    found = {(h.date, h.country): h for h in public_holidays(wanted | ({home} if home else set()), first, last)}
    if home:
        for holiday in _regional(home, first.year, last.year):
            if first <= holiday.date <= last:
                found.setdefault((holiday.date, holiday.country), holiday)
    return tuple(sorted(found.values(), key=lambda h: (h.date, h.country)))


@cache
def _regional(country: str, first: int, last: int) -> tuple[Holiday, ...]:
    import holidays

    try:
        national = holidays.country_holidays(country)
    except NotImplementedError:
        return ()
    kinds = tuple(
        c for c in ("public", "bank", "half_day", "catholic", "optional") if c in national.supported_categories
    )
    found: list[Holiday] = []
    for region in (None, *national.subdivisions):
        known = holidays.country_holidays(country, subdiv=region, years=range(first, last + 1), categories=kinds)
        found.extend(Holiday(day, name, country) for day, name in known.items())
    # Where regions have a holiday in most weeks of the year, theirs tell nothing about the country.
    days = {h.date for h in found}
    if len(days) > 25 * (last - first + 1):
        found = [
            Holiday(day, name, country)
            for day, name in holidays.country_holidays(country, years=range(first, last + 1)).items()
        ]
    return tuple(found)
