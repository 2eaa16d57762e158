"""Countries as people call them, in English, German and Spanish, and their codes in analytics. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMES = {
    "AT": "austria österreich",
    "AU": "australia australien",
    "BE": "belgium belgien bélgica",
    "BR": "brazil brasilien brasil",
    "CA": "canada kanada canadá",
    "CH": "switzerland schweiz suiza",
    "CN": "china",
    "CZ": "czechia tschechien chequia",
    "DE": "germany deutschland alemania",
    "DK": "denmark dänemark dinamarca",
    "ES": "spain spanien españa",
    "FI": "finland finnland finlandia",
    "FR": "france frankreich francia",
    "GB": "uk britain england großbritannien inglaterra",
    "IE": "ireland irland irlanda",
    "IN": "india indien",
    "IT": "italy italien italia",
    "JP": "japan japón",
    "MX": "mexico mexiko méxico",
    "NL": "netherlands holland niederlande",
    "NO": "norway norwegen noruega",
    "PL": "poland polen polonia",
    "PT": "portugal",
    "RO": "romania rumänien rumanía",
    "SE": "sweden schweden suecia",
    "US": "usa america states amerika",
    "ZA": "south-africa südafrika sudáfrica",
}
_CODES = {name: code for code, names in _NAMES.items() for name in names.split()}


def named_country(text: str, values: Iterable[str]) -> str | None:
    """The one of `values` (country codes) that a text names in words; None where it names none or several."""
    known = set(values)
    found = {_CODES[word] for word in re.findall(r"[\w-]+", text.lower()) if word in _CODES} & known
    return found.pop() if len(found) == 1 else None


def country(text: str) -> str | None:
    """The code of the one country that a text names in words."""
    return named_country(text, _NAMES)
