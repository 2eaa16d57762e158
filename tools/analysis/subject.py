# ruff: noqa: E501  (lists of words read best in few lines)
"""What a text is about, as far as it matters to a number: its step of the funnel, its segment, its measuring. Pure.

Words are those of English, German, Spanish, Polish, Dutch and French, as startups mix them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tools.analysis.words import words

_SUBJECTS: Mapping[str, str] = {
    "signup": r"sign(?:ed|ing)?[-_ ]?ups?|regist\w+|accounts?|anmeld\w+|registrier\w+|konto|konten|rejestr\w+|zarejestr\w+"
    r"|aanmeld\w+|inscri\w+|altas?|invitation|create an? account|email verification|captcha|waitlist|passwords?|cadastr\w+",
    "login": r"log(?:ged|ging)?[-_ ]?ins?|sign(?:ed|ing)?[-_ ]?ins?|auth\w*|sso|saml|oauth\w*|oidc|jwt|sessions?|callback|einlogg\w+"
    r"|iniciar sesi\w+|logow\w+|inlog\w+|passwords?|magic link",
    "checkout": r"check[-_ ]?outs?|carts?|baskets?|orders?|purchas\w*|shipping|warenkorb|kasse|bestell\w+|zam[oó]wie\w+|koszyk\w*"
    r"|pedidos?|compras?|commandes?|panier|winkelwagen|3ds|wallets?|cards?|payments?|pay|delivery|coupons?|vouchers?",
    "trial": r"trials?|pric(?:e|es|ing)|subscri\w+|billing|plans?|abos?|probe\w*|preise?n?|precios?|paywall|card form",
    "booking": r"book(?:ed|ing|ings)?|reserv\w+|calendar|availab\w+|listings?|buch\w+|boek\w+|rezerw\w+|reserva\w*|tickets? sale",
    "message": r"messag\w*|composer|chats?|nachricht\w*|wiadomo\w+|mensaj\w+|repl(?:y|ies)|posts?",
    "photo": r"photos?|pictures?|images?|uploads?|media|fotos?|bilder|zdj[eę]\w+|im[aá]gen\w*",
    "activation": r"activat\w+|onboard\w+|wizard|set[-_ ]?up|einrichtung|first steps|guided",
    "traffic": r"landing|seo|robots|redirects?|home ?page|sitemap|canonical|dns|cdn|page ?views?|traffic|crawl\w*|search engines?|ads?\b"
    r"|campaigns?|budget|keywords|newsletter",
    "search": r"search\w*|filters?|suche|results page",
    "invoice": r"invoic\w+|rechnung\w*|faktur\w+",
    "export": r"exports?|exported|csv|pdf",
    "cancel": r"cancel\w*|churn\w*|k[uü]ndig\w+|unsubscri\w+",
    "task": r"tasks?|tick(?:ed)?|todo",
    "lesson": r"lessons?|courses?|quiz\w*|exercise\w*",
    "transfer": r"transfers?|transactions?|payouts?|bank\w*|iban|sepa",
}
_COMPILED = {
    name: re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])", re.IGNORECASE) for name, pattern in _SUBJECTS.items()
}
MEASURING = re.compile(
    r"analytic\w*|telemetr\w+|posthog|mixpanel|amplitude|google tag|tag manager|gtag|\bpixel\b|track(?:s|ed|er|ing)?\b"
    r"|event names?|rename\w* (?:the )?events?|consent|instrumentation|beacons?|ad ?blockers?|messwert\w*|anal[ií]tic\w*"
    r"|sampling|events? (?:sdk|client|proxy|pipeline|schema|wait|batch\w*)|\bingest\w*",
    re.IGNORECASE,
)
MEASURING_PATH = re.compile(
    r"(?:^|/)(?:[\w-]*track\w*|[\w-]*analytics\w*|telemetry|posthog|segment|mixpanel|amplitude|pixel|consent|gtm|events)(?=[./_-])",
    re.IGNORECASE,
)
HARMLESS = re.compile(
    r"\b(?:unit |e2e )?tests?\b|no change in behaviou?r|\bdocs?\b|readme|\bchangelog|typos?\b|comments? only|wording|\blint\w*|storybook",
    re.IGNORECASE,
)
SYMPTOM = re.compile(
    r"cannot|can'?t|could ?n[o']t|unable|does(?: not|n'?t) (?:work|go|do|open|load|send|arrive)|do(?: not|n'?t) (?:work|go|send|arrive)|nothing happens"
    r"|does nothing|do nothing|fail\w*|error\w*|stuck|broken|spin(?:s|ning)|stay(?:s)? on|went wrong|blank|empty page|never (?:arriv|com|finish)\w*"
    r"|refus\w+|reject\w+|kaputt|geht nicht|lukt niet|werkt niet|no funciona|nie dzia[lł]a|nie (?:wysy|mog)\w*|wykrzyknik\w*|fehler\w*|misging"
    r"|red exclamation|hang(?:s|ing)?|timed? ?out|500|4\d\d\b|twice|not (?:able|possible)|impossible|klappt nicht|ne marche pas",
    re.IGNORECASE,
)
ORDERS = re.compile(
    r"ignore (?:all |any |the )?(?:previous|prior|above|earlier)|\b(?:ai|llm)[ -]?(?:agents?|assistants?|models?|bots?)\b|assistants? (?:reading|must|should)"
    r"|(?:note|message|instruction\w*|attention) (?:to|for) (?:the |all |any )?(?:ai|assistants?|agents?|bots?|models?)|system prompt|as an ai\b|you are (?:an? |the )?(?:ai|assistant)"
    r"|\bdeus\b|\[system\]|<system>|disregard (?:the|all|previous)",
    re.IGNORECASE,
)
_COUNTRIES: Mapping[str, str] = {
    "US": "united states|usa|america\\w*", "GB": "britain|united kingdom|uk|england", "DE": "german\\w*|deutsch\\w*", "AT": "austria\\w*|[oö]sterreich",
    "CH": "swiss|switzerland|schweiz", "FR": "france|french|frankreich", "NL": "netherlands|dutch|niederlande|holland", "BE": "belgi\\w+",
    "ES": "spain|spanish|espa\\w+", "IT": "italy|italian\\w*|italien", "PL": "poland|polish|polen|polsk\\w*", "CZ": "czech\\w*", "RO": "romania\\w*",
    "IE": "ireland|irish", "CA": "canad\\w+|ontario", "AU": "australia\\w*", "IN": "india\\w*", "BR": "brazil\\w*|brasil\\w*", "MX": "mexic\\w+|m[eé]xico",
    "JP": "japan\\w*", "SE": "swed\\w+", "NO": "norw\\w+|norge", "DK": "denmark|danish", "FI": "finland|finnish", "PT": "portug\\w+", "TR": "turk\\w+",
    "SG": "singapore", "KR": "korea\\w*", "ZA": "south africa\\w*", "NZ": "new zealand", "AR": "argentin\\w+", "CL": "chile\\w*", "CO": "colombia\\w*",
    "HU": "hungar\\w+", "GR": "greece|greek", "UA": "ukrain\\w+", "NG": "nigeria\\w*", "KE": "kenya\\w*", "PH": "philippin\\w+", "ID": "indonesia\\w*",
}  # fmt: skip
_ALIASES: Mapping[str, str] = {
    "safari": "safari|iphones?|ipads?|macbooks?|webkit|\\bmacs?\\b", "ios": "ios|iphones?|ipads?|swift", "android": "android\\w*|kotlin|apk",
    "firefox": "firefox|gecko", "chrome": "chrome|chromium", "edge": "\\bedge\\b", "mobile": "mobile|phones?|touch|handy", "desktop": "desktop|laptop\\w*",
    "google": "google", "apple": "apple", "microsoft": "microsoft|azure|entra", "password": "passwords?|e-?mail and password", "email": "e-?mails?",
    "ads": "\\bads?\\b|adverts?|paid|search and social|adwords|sponsored", "newsletter": "newsletter|mailing", "partner": "partners?|affiliates?",
    "web": "\\bweb\\b", "windows": "windows", "github": "github login|github sign", "facebook": "facebook|\\bmeta\\b", "saml": "saml|sso",
}  # fmt: skip


def subjects(text: str) -> frozenset[str]:
    """The steps of a product's funnel that a text speaks of."""
    spaced = re.sub(r"[_/.]", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
    return frozenset(name for name, pattern in _COMPILED.items() if pattern.search(spaced))


def relevance(text: str, metric: str, relatives: Iterable[str]) -> float:
    """How near a text is to a metric, from 0 to 1: 1 names its step, 0.6 another of its funnel."""
    spoken, stems = subjects(text), set(words(text.replace("_", " ")))
    if _speaks(spoken, stems, metric):
        return 1.0
    return 0.6 if any(_speaks(spoken, stems, other) for other in relatives) else 0.0


def _speaks(spoken: frozenset[str], stems: set[str], metric: str) -> bool:
    """By subject where the metric has one, else by the words of its name."""
    known = subjects(metric)
    if known:
        return bool(spoken & known)
    named = {stem for stem in words(metric.replace("_", " ")) if len(stem) > 3} - _COMMON
    # A compound speaks of its first part: "Anfrageformular" of an "Anfrage".
    return any(stem == name or (len(name) > 4 and stem.startswith(name)) for name in named for stem in stems)


_COMMON = frozenset(
    {
        "start",
        "complet",
        "creat",
        "view",
        "made",
        "open",
        "send",
        "sent",
        "add",
        "finish",
        "confirm",
        "page",
        "don",
        "done",
        "submit",
    }
)


def mentions(text: str, dim: str, value: str) -> bool:
    """Whether a text names a segment's value, in its own or in people's words."""
    pattern = (
        _COUNTRIES.get(value, "")
        if dim.strip("$").lower() in ("country", "geoip_country_code", "region", "market")
        else _ALIASES.get(value.lower(), "")
    )
    if len(value) > 2 and re.search(rf"(?<![a-z0-9]){re.escape(value)}(?![a-z0-9])", text, re.IGNORECASE):
        return True
    if len(value) <= 2 and re.search(rf"\b{re.escape(value)}\b", text):
        return True
    return bool(pattern) and re.search(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", text, re.IGNORECASE) is not None


def measures(text: str, paths: Iterable[str] = ()) -> bool:
    """Whether a change is one of what counts events rather than of what people do."""
    if any(MEASURING_PATH.search(path) for path in paths):
        return True
    titles = "\n".join(text.splitlines()[:2])
    return MEASURING.search(titles) is not None or len(set(MEASURING.findall(text))) >= 2


def commands(text: str) -> bool:
    """Whether a text speaks to a machine that may read it; such a text bears witness to nothing."""
    return ORDERS.search(text) is not None
