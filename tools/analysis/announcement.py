# ruff: noqa: E501  (lists of words read best in few lines)
"""Messages that announce a change, and the times from which they say that it holds. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_WEEKDAYS: Mapping[str, int] = {
    name: day
    for day, group in enumerate(
        ("monday mondays montag lunes maandag poniedziałku lundi", "tuesday dienstag martes dinsdag wtorku mardi",
         "wednesday mittwoch miércoles miercoles woensdag środy mercredi", "thursday donnerstag jueves donderdag czwartku jeudi",
         "friday freitag viernes vrijdag piątku vendredi", "saturday samstag sábado sabado zaterdag soboty samedi",
         "sunday sonntag domingo zondag niedzieli dimanche")
    )
    for name in group.split()
}  # fmt: skip
_TOMORROW = re.compile(r"\btomorrow\b|\bmorgen\b|\bmañana\b|\bjutra\b|\bdemain\b", re.IGNORECASE)
_MIDNIGHT = re.compile(
    r"\bmidnight\b|\btonight\b|mitternacht|medianoche|middernacht|północ\w*|minuit|end of (?:the )?day", re.IGNORECASE
)
_CLOCK = re.compile(
    r"\b(?:at|from|um|ab|a las|om|o)\s+(\d{1,2})(?::(\d{2}))?\s*(am|pm|h|uhr|o'clock)?\b", re.IGNORECASE
)
_DAY_OF_MONTH = re.compile(r"\b(?:the|am|el|from the|ab dem)\s+(\d{1,2})(?:st|nd|rd|th|\.)?\b", re.IGNORECASE)
_ACTS = re.compile(
    r"\b(?:turn|switch)(?:ed|ing|s)?\b|\b(?:on|off|out) (?:for|since|at|as of|now)\b|\bpaus\w+|\bstop(?:s|ped)?\b|\benabl\w+|\bdisabl\w+|\bblock\w*|\brais\w+|\blower\w*"
    r"|\bstarts?\b|\bstarting\b|\bcharg\w+|\bremov\w+|\bclos\w+|\blimit\w*|\brequir\w+|\brefus\w+|\blaunch\w*|\bpublish\w*|\bmention\w*|\bfront page\b"
    r"|\bnewsletter\b|\bwent (?:out|live)\b|\bis (?:live|out|on)\b|\bare (?:live|out|on|off)\b|\bmigrat\w+|\bmov(?:ed|e|ing)\b|\brotat\w+|\bexpir\w+|\bset to\b"
    r"|\bfrom (?:now|today|tomorrow|mon|tues|wednes|thurs|fri|satur|sun|next|the \d)\w*|\bas of\b|\bno longer\b|\bonly (?:for|by|with)\b|\binvit\w+ only"
    r"|\bchanged?\b|\bincreas\w+|\bdoubled?\b|\bcut\b|\bended\b|\bends\b|\bruns? out\b|\bspent\b|\bwe (?:now|just)\b|\bI (?:just |have |'ve )?(?:put|set|took|added|made|switched|changed|deleted|dropped)\b"
    r"|\bab (?:jetzt|heute|morgen|montag|dienstag|mittwoch|donnerstag|freitag)\b|\bnur noch\b|\b(?:ein|aus|ab|um)ge\w+|\bgesetzt\b|\bsperr\w+|\bgesperrt\b|\bdesde\b|\bactiv\w+|\bdesactiv\w+"
    r"|\bod (?:jutra|poniedziałku|wtorku|środy|czwartku|piątku)\b|\bwyłącz\w+|\bwłącz\w+|\bvanaf\b|\buitgezet\b|\baangezet\b|\bfeatured?\b|\bsponsor\w*|\bpodcast\b|\bon (?:tv|air)\b|\bwent viral\b|\btook (?:down|off)\b|\bput\b"
    r"|\bhab(?:e|en)?\b.{1,80}\b(?:gemacht|gestellt|genommen|gelöscht|geloescht)\b|\b(?:um|ab|ein|aus|hoch|frei)ge(?:stellt|schaltet|setzt)\w*|\bge(?:ä|ae)ndert\b|\bentfernt\b|\berhöht\b|\bgesenkt\b"
    r"|\bpflichtfeld\w*|\b(?:cambi(?:é|amos)|pus(?:e|imos)|quit(?:é|amos)|apagu?(?:é|amos)|prend(?:í|imos)|sub(?:í|imos)|baj(?:é|amos)|a partir de|ya no|termin(?:a|ó)|se acab(?:a|ó))(?!\w)"
    r"|\b(?:mud(?:ei|amos)|tir(?:ei|amos)|coloqu(?:ei|emos)|deslig(?:uei|amos)|lig(?:uei|amos)|aument(?:ei|amos)|acab(?:ei|amos) de)\b|\bà partir de\b|\bj'ai (?:changé|mis|retiré|coupé)",
    re.IGNORECASE,
)
_DOUBTS = re.compile(
    r"\?|\bdo we (?:take|roll|put)|\bsince the new\b|\bwas it\b|\bi (?:think|guess|bet|suspect)\b|\bmaybe\b|\blooks? like\b|\b(?:is|are) (?:down|off|low|weak|under)\b"
    r"|\bdashboard\b|\bdropped\b|\bfell\b|\bfallen\b|\bthird person\b|\bquiet\b|\bcalm\b",
    re.IGNORECASE,
)
_SMALL = re.compile(
    r"nobody should (?:feel|notice)|small numbers|never convert|\b[1-3]\s?%|looks fine|no change|nothing (?:else|changes)|bedtime|key of|kitchen|küche|kuchen",
    re.IGNORECASE,
)
_SOON = timedelta(days=8)


def announces(text: str) -> float:
    """How much a message says that somebody changed something: above 0 it does, doubts and small things speak against."""
    score = min(2, len(_ACTS.findall(text))) * 0.9
    if _DOUBTS.search(text):
        score -= 2.2
    if _SMALL.search(text):
        score -= 1.5
    return score


def effective(text: str, said: datetime, tz: ZoneInfo) -> list[tuple[datetime, timedelta]]:
    """When the change that a message announces would begin: moments, each with how much later it may still be."""
    local = said.astimezone(tz)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[tuple[datetime, timedelta]] = []
    days: list[datetime] = []
    if _TOMORROW.search(text) and not re.search(r"heute morgen|this morning", text, re.IGNORECASE):
        days.append(midnight + timedelta(days=1))
    if _MIDNIGHT.search(text):
        found.append((midnight + timedelta(days=1), timedelta(minutes=30)))
    for name, weekday in _WEEKDAYS.items():
        if re.search(rf"\b{name}\b", text, re.IGNORECASE):
            days.append(midnight + timedelta(days=(weekday - local.weekday()) % 7 or 7))
    for match in _DAY_OF_MONTH.finditer(text):
        number = int(match.group(1))
        days += [at for i in range(15) if (at := midnight + timedelta(days=i)).day == number]
    clock = _CLOCK.search(text)
    if clock and int(clock.group(1)) < 24:
        hour = int(clock.group(1)) % 12 + 12 if (clock.group(3) or "").lower() == "pm" else int(clock.group(1))
        for day in days or [midnight]:
            found.append((day.replace(hour=hour % 24, minute=int(clock.group(2) or 0)), timedelta(minutes=30)))
    for day in days:
        found.append((day, timedelta(minutes=30)))
        found.append((day + timedelta(hours=6), timedelta(hours=8)))
    kept = [(at, spread) for at, spread in found if said - timedelta(hours=1) <= at <= said + _SOON]
    return [*kept, (said, timedelta(minutes=30)), (said, timedelta(hours=4))]
