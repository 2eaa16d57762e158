"""Known people, services, milestones, customers and teams, found by what a sentence calls them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agents.planners.glossary import Glossed, bare
from agents.planners.slots.vocabulary import Match

# The colleague of whom the playbooks' example sentences speak.
COLLEAGUE = "Sarah"
_LEGAL = frozenset(
    [
        "inc",
        "ltd",
        "llc",
        "gmbh",
        "ag",
        "sl",
        "sa",
        "corp",
        "co",
        "company",
        "studios",
        "studio",
        "group",
        "labs",
        "the",
    ]
)
_TEAM_CUE = r"(?:team|squad|group|crew|engineers|developers|devs|folks|people|guys)"
_SERVICE_CUE = (
    r"(?:deploy\w*|service|server|release|rollback|build|logs|pods?|process|outage|errors?|healthy|down|host)"
)
_MILESTONE_CUE = r"(?:milestone|release|epic|project|launch|work|scope|version|initiative)"
_ELSE_CUE = re.compile(r"\s*(?:bugs?|errors?|exceptions?|crash\w*|issues? from|tokens?|tickets?)\b")


def find_person(glossed: Glossed, people: Sequence[str]) -> Match | None:
    """A known person by full name, first name or last name, possessives included; several of one name are rivals."""
    text = bare(glossed.text)
    found: list[tuple[float, int, str, tuple[int, int]]] = []
    for person in people:
        parts = [part for part in bare(person).split() if len(part) > 1]
        if not parts:
            continue
        ways = [(" ".join(parts), 1.0), (parts[0], 0.9)] + ([(parts[-1], 0.85)] if len(parts) > 1 else [])
        for way, score in ways:
            hit = re.search(rf"(?<![\w.@-]){re.escape(way)}(?:'s|’s|s'|'|s)?(?![\w@])", text)
            if hit:
                found.append((score, hit.start(), person, hit.span()))
                break
    return _best(glossed, found)


def namesake(text: str, person: Match | None) -> str:
    """The sentence as it would be of the colleague in the examples: which of them is meant changes no intent."""
    if person is None or not person.sure or not person.text:
        return text
    suffix = "'s" if re.search(r"['’]s?$", person.text) else ""
    return text.replace(person.text, COLLEAGUE + suffix)


def find_customer(glossed: Glossed, customers: Sequence[str]) -> Match | None:
    """A known customer by its name, with or without "Inc." and the like, or by its first word if that is its own."""
    text = bare(glossed.text)
    found: list[tuple[float, int, str, tuple[int, int]]] = []
    for customer in customers:
        parts = re.findall(r"[^\W_]+", bare(customer))
        core = [part for part in parts if part not in _LEGAL] or parts
        for way, score in ((parts, 1.0), (core, 0.95), (core[:1], 0.85 if len(core[0]) > 3 else 0.0)):
            hit = re.search(r"(?<!\w)" + r"\W+".join(map(re.escape, way)) + r"(?:'s|’s|s'|')?(?!\w)", text)
            if hit and score:
                found.append((score, hit.start(), customer, hit.span()))
                break
    return _best(glossed, found)


def find_team(glossed: Glossed, teams: Sequence[str], services: Iterable[str] = ()) -> Match | None:
    """A known team: "the web team", "assigned to backend", "bugs in web"."""
    text = bare(glossed.text)
    also_services = {bare(service) for service in services}
    found: list[tuple[float, int, str, tuple[int, int]]] = []
    for team in teams:
        name = re.escape(bare(team).removesuffix(" team"))
        hit = re.search(rf"(?<![\w-])(?:{_TEAM_CUE} )?{name}(?:'s)?(?: {_TEAM_CUE})?(?!\w)", text)
        if not hit:
            continue
        cued = bool(re.search(rf"\b{_TEAM_CUE}\b", hit[0]))
        if not cued and re.match(rf"\s*(?:app\w*|launch|{_SERVICE_CUE})\b", text[hit.end() :]):
            continue
        found.append((1.0 if cued else 0.75 if bare(team) in also_services else 0.9, hit.start(), team, hit.span()))
    return _best(glossed, found)


def find_service(glossed: Glossed, services: Sequence[str], teams: Iterable[str] = ()) -> Match | None:
    """A known service, unless its name is used as a verb or for the team of that name."""
    text = bare(glossed.text)
    also_teams = {bare(team) for team in teams}
    found: list[tuple[float, int, str, tuple[int, int]]] = []
    for service in services:
        name = re.escape(bare(service))
        for hit in re.finditer(rf"(?<![\w-]){name}(?:'s)?(?![\w-])", text):
            before, after = text[: hit.start()], text[hit.end() :]
            if re.match(rf" {_TEAM_CUE}\b", after) or re.search(rf"\b{_TEAM_CUE} $|assigned to $", before):
                continue
            verb = re.match(r" (?:the|a|an|to|for|it|this|that|all|everything|critical|urgent)\b", after)
            if verb and not re.search(r"(?:the|of|in|on|from) $", before):
                continue
            cued = re.match(rf" {_SERVICE_CUE}\b", after) or re.search(r"(?:the|in|of|service|deploy\w*) $", before)
            score = 1.0 if cued else 0.75 if bare(service) in also_teams else 0.85
            found.append((score, hit.start(), service, hit.span()))
            break
    return _best(glossed, found)


def find_milestone(glossed: Glossed, milestones: Sequence[str]) -> Match | None:
    """A known milestone by its words in any order side by side; not where the word rather names a bug or an error."""
    text = bare(glossed.text)
    found: list[tuple[float, int, str, tuple[int, int]]] = []
    for milestone in milestones:
        parts = re.findall(r"[^\W_]+", bare(milestone))
        for order in (parts, parts[::-1]):
            hit = re.search(r"(?<![\w])" + r"[\W_]+".join(map(re.escape, order)) + r"(?:'s)?(?![\w])", text)
            if hit and not (len(parts) == 1 and _ELSE_CUE.match(text[hit.end() :])):
                cued = re.match(rf"[\W_]*{_MILESTONE_CUE}\b", text[hit.end() :]) or re.search(
                    rf"\b{_MILESTONE_CUE}\W+(?:of |for )?$", text[: hit.start()]
                )
                found.append((1.0 if cued else 0.85, hit.start(), milestone, hit.span()))
                break
    return _best(glossed, found)


def _best(glossed: Glossed, found: list[tuple[float, int, str, tuple[int, int]]]) -> Match | None:
    """The best-named; where two are named equally well in different places, the first one, without a rival."""
    if not found:
        return None
    ranked = sorted(found, key=lambda item: (-item[0], item[1]))
    score, start, name, at = ranked[0]
    rivals = tuple((other, value) for value, where, other, _ in ranked[1:4] if where == start)
    return Match(name, score, glossed.original(*at), rivals)
