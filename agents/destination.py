"""Where a write belongs, whom and what its words mean here, and why that is thought. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import AwareDatetime

from agents.approval import Source
from agents.errors import StepFailed
from agents.record import Frozen
from agents.taint import Taint
from tools.kit.words import means
from tools.nouns import Issue, Message, Person

# What a correction can be about: the service that takes a verb, an account behind a name, the level that a word stands
# for, the owner of a component, the channel of a kind of message.
About = Literal["service", "account", "priority", "owner", "channel"]
TEAM_CHAT = frozenset({"team", "the team", "everyone", "everybody", "engineering", "engineers", "developers"})
NOTICE = re.compile(
    r"\b(?:incidents?|outages?|deploy\w*|roll(?:ed|ing)?[ -]?back|releas\w*|errors?|bugs?|broken|down|crash\w*|"
    r"störung\w*|fehler|ausfall|incidencias?|caíd[ao])\b",
    re.IGNORECASE,
)
_NOTICE_ROOMS = ("incidents", "incident", "engineering", "eng", "dev", "deploys", "alerts")
_LEVELS = ("urgent", "high", "medium", "low", "none")
_NEGATED = r"(?:\bnot|\bnever|\bn['’]t|\bnicht|\bno)\s+(?:(?:in|on|to|at|into|auf|bei|en)\s+)?(?:the\s+)?"
_PLACED = r"(?:\b(?:in|on|to|into|at|with|im|auf|bei|nach|en|a)\s+|[,–—:;-]\s*|^\s*)(?:the\s+)?"
_THING = (
    r"\s+(?:issues?|tickets?|tasks?|bugs?|cards?|stor(?:y|ies)|items?|aufgaben?|incidencias?|tareas?|board|"
    r"backlog)\b"
)


class Preference(Frozen):
    """What somebody corrected, to be kept to the next time: of `about` (in lower case), `value` is meant."""

    kind: About
    about: str
    value: str
    by: str = ""
    at: AwareDatetime
    said: str = ""


class Destination(Frozen):
    """The service that shall do it and its arguments, with the reasons where something was chosen.

    `guessed` gives the reason for each argument that was drawn from what others wrote; `told` are those that a person
    has said, in place of what was found in records.
    """

    service: str
    args: dict[str, Any]
    why: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    guessed: dict[str, str] = {}
    told: tuple[str, ...] = ()

    def tainting(self, taint: Taint) -> Taint:
        """The taint of the write once it goes there: what others wrote has a part in what was guessed, and none in what
        a person has told."""
        more = {name: (*taint.args.get(name, ()), Source(title=why)) for name, why in self.guessed.items()}
        kept = {name: found for name, found in taint.args.items() if name not in self.told}
        return taint.model_copy(update={"args": {**kept, **more}})


@dataclass(frozen=True)
class Habits:
    """What is known of how a company works. `settings` may name a `tracker` and a `channel`; `titles` are the
    services' names as people write them."""

    settings: Mapping[str, str] = field(default_factory=dict)
    preferences: Sequence[Preference] = ()
    issues: Sequence[Issue] = ()
    people: Sequence[Person] = ()
    messages: Sequence[Message] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    def preferred(self, kind: About, *about: str) -> Preference | None:
        """The last correction about the first of these that there is one of."""
        for one in about:
            found = [p for p in self.preferences if p.kind == kind and p.about == one.casefold()]
            if found:
                return max(found, key=lambda p: p.at)
        return None

    def title(self, service: str) -> str:
        return self.titles.get(service, service.capitalize())


def destination(
    verb: str,
    args: Mapping[str, Any],
    services: Sequence[str],
    habits: Habits,
    *,
    said: Sequence[str] = (),
    owns: str = "",
) -> Destination:
    """Where a write goes and with which arguments.

    `said` is what the asker wrote, the last first; `owns` the part of the product whose owner shall have it. Raises
    StepFailed where no service serves the verb, or several could and nothing tells which.
    """
    service, reason = _service(verb, args, services, habits, said)
    why = [reason] if reason else []
    found, guessed = dict(args), dict[str, str]()
    whose = habits.preferred("owner", plain_part(owns)) if owns else None
    if whose is not None:
        found["assignee"] = whose.value
        why.append(f"{whose.value} owns the {whose.about}: {whose.by or 'somebody'} said so on {whose.at:%d %b}.")
    if found.get("assignee"):
        found["assignee"], reason = account(str(found["assignee"]), service, habits)
        why += [reason] if reason else []
    if found.get("priority"):
        found["priority"], reason = level(str(found["priority"]), habits)
        why += [reason] if reason else []
    if verb == "messages.send":
        found["to"], reason, is_guess = channel(str(found["to"]), habits)
        why += [reason] if reason else []
        guessed = {"to": reason} if is_guess else {}
    others = tuple(one for one in services if one != service)
    return Destination(
        service=service,
        args=found,
        why=tuple(why),
        alternatives=others,
        guessed=guessed,
        told=("assignee",) if whose is not None else (),
    )


def plain_part(part: str) -> str:
    """A part of the product in the form in which its owner is kept: “The  Form” is form."""
    words = re.sub(
        r"^(?:the|our|das|die|der|dem|den|unser\w*|el|la|los|las|nuestr[oa])\s+", "", part.strip(), flags=re.I
    )
    return " ".join(words.casefold().split())


def named_service(said: str, services: Sequence[str], titles: Mapping[str, str]) -> str | None:
    """The one of several services that a sentence sends something to: "in GitHub", "a Linear issue", "not Linear –
    GitHub"; None where it names none or several. A service that is only talked about is not one."""
    found = []
    for service in services:
        name = re.escape(titles.get(service, service))
        if re.search(rf"{_NEGATED}{name}\b", said, re.IGNORECASE):
            continue
        if re.search(rf"{_PLACED}{name}\b(?!['’]s)|\b{name}{_THING}", said, re.IGNORECASE):
            found.append(service)
    if len(found) == 1:
        return found[0]
    refused = [s for s in services if re.search(rf"{_NEGATED}{re.escape(titles.get(s, s))}\b", said, re.IGNORECASE)]
    left = [s for s in services if s not in refused]
    return left[0] if refused and len(left) == 1 else None


def _service(
    verb: str, args: Mapping[str, Any], services: Sequence[str], habits: Habits, said: Sequence[str]
) -> tuple[str, str]:
    if not services:
        raise StepFailed(f"No connected service serves {verb}.", remedy="Connect one with `deus connect`.")
    if len(services) == 1:
        return services[0], ""
    ref = str(args.get("ref") or "")
    if ref:
        return _service_of(verb, ref, services, habits), ""
    named = next((one for text in said if (one := named_service(text, services, habits.titles))), None)
    if named:
        return named, f"In {habits.title(named)}, as you said."
    tracker = habits.settings.get("tracker", "")
    if verb.startswith("issues.") and tracker in services:
        return tracker, f"In {habits.title(tracker)}: it is set as the tracker."
    team = str(args.get("team") or "").casefold()
    liked = habits.preferred("service", *([f"{verb} {team}"] if team else []), verb)
    if liked is not None and liked.value in services:
        return (
            liked.value,
            f"In {habits.title(liked.value)}: {liked.by or 'somebody'} corrected it so on {liked.at:%d %b}.",
        )
    counted = _made_where(services, team, habits)
    if counted is not None:
        return counted
    names = " and ".join(habits.title(one) for one in services)
    raise StepFailed(f"{names} could do this.", remedy=f"Say in which, such as “in {habits.title(services[0])}”.")


def _service_of(verb: str, ref: str, services: Sequence[str], habits: Habits) -> str:
    """The service that a record's ref belongs to: it is known there, or looks like those that are."""
    for same in (lambda issue: ref.casefold() in (issue.ref.casefold(), issue.url.casefold()), _alike(ref)):
        found = {issue.service for issue in habits.issues if issue.service in services and same(issue)}
        if len(found) == 1:
            return found.pop()
    shaped = [one for one in services if one in ref.casefold()]
    if len(shaped) == 1:
        return shaped[0]
    # The form of no tracker whose issues are known: it is the one of which none are, such as a code host.
    known = {issue.service for issue in habits.issues}
    others = [one for one in services if one not in known]
    if known and len(others) == 1 and re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", ref):
        return others[0]
    raise StepFailed(f"{ref} could be a record of {' or '.join(map(habits.title, services))}.", remedy="Give its link.")


def _alike(ref: str) -> Any:
    def shape(value: str) -> str:
        return re.sub(r"\d+", "0", re.sub(r"[A-Za-z][\w.-]*(?=[/#])|^[A-Za-z]+(?=-\d)", "a", value))

    return lambda issue: shape(issue.ref) == shape(ref)


def _made_where(services: Sequence[str], team: str, habits: Habits) -> tuple[str, str] | None:
    """The service where the last issues were made; those that members gave to somebody, or made, are counted alone:
    strangers may open issues too, and shall not choose."""
    members = {name.casefold() for p in habits.people for name in (p.name, p.handle, p.ref, p.email) if name}
    own = [
        issue
        for issue in habits.issues
        if issue.service in services and (issue.assignee or issue.team or (issue.creator or "").casefold() in members)
    ]
    of_team = [issue for issue in own if team and (issue.team or "").casefold() == team]
    chosen = of_team or own
    if not chosen:
        return None
    [(service, n)] = Counter(issue.service for issue in chosen).most_common(1)
    whose = f"{team}'s" if of_team else "the"
    return service, f"In {habits.title(service)}: {n} of {whose} last {len(chosen)} issues are there."


def account(asked: str, service: str, habits: Habits) -> tuple[str, str]:
    """The account at a service of whom a name means, and why: known by it there, or the same person elsewhere.

    A name that nobody or several bear stays as it is: the service says what it knows.
    """
    liked = habits.preferred("account", asked)
    wanted = liked.value if liked is not None else asked
    there = [one for one in habits.people if one.service == service]
    own = [one for one in there if means(wanted, one.name, one.handle, one.email, one.ref)]
    why = f"{asked} means {wanted}: {liked.by or 'somebody'} said so on {liked.at:%d %b}." if liked is not None else ""
    if not own:
        elsewhere = [p for p in habits.people if p.service != service and means(wanted, p.name, p.handle, p.email)]
        own = [one for one in there if any(_same(one, other) for other in elsewhere)]
    unique = {one.ref: one for one in own}
    if len(unique) != 1:
        return wanted, why
    (one,) = unique.values()
    alone = sum(other.name.casefold() == one.name.casefold() for other in there) == 1
    named = one.name if alone else one.email or one.handle or one.name
    if wanted.casefold() in (one.name.casefold(), one.handle.casefold()):
        return named, why
    return named, why or f"{asked} is {named} in {habits.title(service)}."


def _same(one: Person, other: Person) -> bool:
    """Whether two services' accounts are one person's: the address, else the whole name."""
    if one.email and other.email:
        return one.email.casefold() == other.email.casefold()
    full = " " in one.name and one.name.casefold() == other.name.casefold()
    return full or _mailed(one, other) or _mailed(other, one)


def _mailed(one: Person, other: Person) -> bool:
    """Whether one's address begins with the other's handle."""
    return one.email is not None and one.email.partition("@")[0].casefold() == other.handle.casefold()


def level(asked: str, habits: Habits) -> tuple[str, str]:
    """The priority that the team means by the asker's word."""
    liked = habits.preferred("priority", asked)
    if liked is None or liked.value == asked:
        return asked, ""
    return liked.value, f"{asked} means {liked.value} here: {liked.by or 'somebody'} said so on {liked.at:%d %b}."


def channel(asked: str, habits: Habits) -> tuple[str, str, bool]:
    """The channel for "the team", why, and whether that is a guess: the one that is set, or was corrected to, else the
    one where such notices are posted."""
    if asked.strip().casefold() not in TEAM_CHAT:
        return asked, "", False
    if given := habits.settings.get("channel"):
        return given, f"To {given}: it is set as the channel for notices.", False
    liked = habits.preferred("channel", "team")
    if liked is not None:
        return liked.value, f"To {liked.value}: {liked.by or 'somebody'} corrected it so on {liked.at:%d %b}.", False
    room, why = _usual_room(habits)
    return f"#{room}", f"To #{room}: {why}.", True


def _usual_room(habits: Habits) -> tuple[str, str]:
    """The channel where such notices are posted: by its name, by what is said there, by who talks there."""
    rooms = Counter(message.channel.removeprefix("#") for message in habits.messages)
    named = next((room for room in _NOTICE_ROOMS if room in rooms), None)
    if named:
        return named, "it is the channel of that name"
    notices = Counter(m.channel.removeprefix("#") for m in habits.messages if NOTICE.search(m.body))
    if notices:
        [(room, n)] = notices.most_common(1)
        return room, f"{n} of the last {notices.total()} messages about such things are there"
    makers = {name.casefold() for p in habits.people if p.team for name in (p.name, p.handle, p.ref, p.email) if name}
    spoken = Counter(m.channel.removeprefix("#") for m in habits.messages if m.author.casefold() in makers) or rooms
    if not spoken:
        raise StepFailed("I don't know the channel for this.", remedy="Name one, or set DEUS_CHANNEL=#name.")
    [(room, _)] = spoken.most_common(1)
    return room, "the engineers talk there most"


# What a changed argument of a write teaches: the kind of preference that it is.
_TAUGHT: Mapping[str, About] = {"assignee": "account", "priority": "priority", "to": "channel"}


def lessons(shown: Mapping[str, Any], asked: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[About, str, str]]:
    """What other arguments than the shown ones teach, as (kind, about, value); `asked` are those of the plan.

    Only what was chosen for the asker is learned from: a name, a word, "the team".
    """
    found: list[tuple[About, str, str]] = []
    for name, kind in _TAUGHT.items():
        before, after, word = shown.get(name), now.get(name), asked.get(name)
        if not after or not word or before == after or str(word).casefold() == str(after).casefold():
            continue
        # Another person or a far priority is another wish; one who bears the name that was said tells whom it means.
        near = {
            "account": str(word).casefold() in str(after).casefold(),
            "priority": abs(_rank(str(word)) - _rank(str(after))) == 1,
            "channel": str(word).casefold() in TEAM_CHAT,
        }
        if near.get(kind):
            found.append((kind, _about(kind, str(word)), str(after)))
    return found


def _rank(priority: str) -> int:
    return _LEVELS.index(priority) if priority in _LEVELS else len(_LEVELS) + 2


def _about(kind: About, word: str) -> str:
    return "team" if kind == "channel" and word.casefold() in TEAM_CHAT else word.casefold()
