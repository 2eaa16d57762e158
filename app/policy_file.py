"""policy.yaml: autonomy, scopes, lists and rules, read whole or refused, and compiled into one list of rules."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from agents.approval import ANYONE, Level
from agents.hours import DAYS, Day, Hours
from agents.identity import Role
from agents.policy import Mode, Outcome, Policy, Spend, Undo
from agents.rights import Reading, Sources
from agents.rules import Rule, When, listed
from app.policy_text import REMEDY, Text, where
from app.settings import Settings
from tools.catalog import connectors
from tools.kit.errors import UserMustMend
from tools.kit.tool import Write, verbs

# Where turns come from.
SOURCES = frozenset(
    {"web", "cli", "api", "slack", "teams", "discord", "telegram", "whatsapp", "email", "widget", "schedule", "webhook"}
)
# What a mode makes of a write that nothing else speaks of; "propose" is stricter, so it stands first.
THEN: dict[str, Outcome] = {"propose": "ask", "act": "allow"}
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

Names = Annotated[tuple[str, ...], BeforeValidator(listed)]


def _span(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d{1,4}) ?([mhdw])", value.strip())
    if found is None:
        raise ValueError("write a time span like 30m, 12h, 7d or 2w")
    return int(found[1]) * UNITS[found[2]]


def _then(value: Any) -> Any:
    if value == "shadow":
        raise ValueError("it is allow, ask, deny or dry_run")
    return "shadow" if value == "dry_run" else value


Span = Annotated[timedelta, BeforeValidator(_span), Field(gt=timedelta(0))]
Then = Annotated[Literal["allow", "ask", "shadow", "deny"], BeforeValidator(_then)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Terms(Part):
    """Who decides about a write that asks, how many must, and until when."""

    deciders: Names = (ANYONE,)
    barred: Names = ()
    needed: int = Field(default=1, ge=1)
    expires_in: Span = timedelta(days=7)


class Lists(Part):
    """What may be and what may not; with `allow`, nothing else may."""

    allow: Names = ()
    deny: Names = ()


class ConnectorRules(Part):
    """What holds for one connector."""

    mode: Mode | None = None
    scope: Literal["read_only", "read_write", "dry_run"] = "read_write"
    actions: Lists = Lists()
    targets: Lists = Lists()
    environments: Lists = Lists()
    workspaces: Lists = Lists()


class UndoRules(Part):
    """When what was done is taken back with no second yes."""

    own: Literal["allow", "ask"] = "allow"
    within: Span = timedelta(days=1)


class SourceRules(Part):
    """What holds for turns from one source."""

    mode: Mode


class ReadingRules(Part):
    """Which sources roles may read; an admin reads all, a visitor none. What is closed to agents is so to viewers."""

    agent: Lists | None = None
    viewer: Lists | None = None

    def reading(self) -> Reading:
        """The same as the engine asks it. An empty `allow` that was written down opens nothing."""
        given: dict[Role, Lists | None] = {"agent": self.agent, "viewer": self.viewer}
        return Reading(
            roles={
                role: Sources(allow=one.allow if "allow" in one.model_fields_set else ("*",), deny=one.deny)
                for role, one in given.items()
                if one is not None
            }
        )


class WorkingHours(Part):
    """When people are at work; the holidays are those of DEUS_COUNTRIES."""

    days: Annotated[tuple[Day, ...], BeforeValidator(listed)] = DAYS[:5]
    begin: str = Field(default="09:00", alias="from")
    until: str = "18:00"
    holidays: bool = True


FileRule: Any = create_model(
    "FileRule",
    __base__=Rule,
    name=(str, ""),
    then=(Then, ...),
    expires_in=(Span | None, None),
    threshold=(Level | None, None),
)


class PolicyFile(Part):
    """The whole file. Nothing in it is ever ignored: an unknown key refuses it."""

    mode: Mode = "propose"
    threshold: Level = "medium"
    approval: Terms = Terms()
    hours: WorkingHours = WorkingHours()
    connectors: dict[str, ConnectorRules] = {}
    sources: dict[str, SourceRules] = {}
    rules: tuple[FileRule, ...] = ()
    spend: Spend = Spend()
    undo: UndoRules = UndoRules()
    reading: ReadingRules = ReadingRules()


def read_policy(
    text: str,
    name: str,
    *,
    connectors: Iterable[str],
    verbs: Iterable[str],
    countries: tuple[str, ...] = (),
) -> Policy:
    """The policy of a file's text. Raises UserMustMend with file, line and remedy for whatever cannot be taken."""
    parsed = Text(name, text)
    if not isinstance(parsed.value, Mapping):
        raise parsed.wrong((), "it is no mapping of keys to values")
    try:
        file = PolicyFile.model_validate(parsed.value)
        given = file.hours.model_dump(exclude={"holidays"})
        hours = Hours.model_validate({**given, "countries": countries if file.hours.holidays else ()})
        rules = tuple(compiled(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise _refused(parsed, first, {"Hours": ("hours",), "Rule": ("rules",)}.get(error.title, ())) from None
    _check(file, parsed, sorted(connectors), sorted(verbs))
    reading, undo = file.reading.reading(), Undo(**file.undo.model_dump())
    return Policy(rules=rules, threshold=file.threshold, hours=hours, spend=file.spend, reading=reading, undo=undo)


def policy_of(settings: Settings, file: Path | None = None) -> Policy:
    """The policy that holds: of the named file, else of DEUS_POLICY, else of policy.yaml in the data folder, else the
    shipped one. A file that is there is never ignored. Raises UserMustMend."""
    own = settings.data_dir / "policy.yaml"
    shipped = Path(__file__).with_name("policy_default.yaml")
    path = file or settings.policy or (own if own.exists() else shipped)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserMustMend(f"The policy {path} cannot be read.", remedy="Mend it, or unset DEUS_POLICY.") from error
    known = connectors()
    name = path.name if path == shipped else str(path)
    return read_policy(text, name, connectors=known, verbs=verbs(Write), countries=settings.countries)


def compiled(file: PolicyFile) -> Iterable[Rule]:
    """The file as one list: what is forbidden, what is only shown, its own rules, then the modes, strictest first."""
    terms = file.approval.model_dump(exclude_defaults=True)
    modes = {("connector", name): one.mode for name, one in file.connectors.items() if one.mode}
    modes |= {("channel", name): one.mode for name, one in file.sources.items()}
    for name, one in file.connectors.items():
        yield from _forbidden(name, one)
    for (kind, name), mode in modes.items():
        if mode == "investigate":
            yield Rule(name=f"{name}: investigate", when=_only(kind, name), then="deny")
    if file.mode == "investigate":
        others = tuple(_only(kind, name) for (kind, name), mode in modes.items() if mode != "investigate")
        yield Rule(name="mode: investigate", unless=others, then="deny")
    for name, one in file.connectors.items():
        if one.scope == "dry_run":
            yield Rule(name=f"{name}: scope dry_run", when=When(connector=(name,)), then="shadow")
    for n, rule in enumerate(file.rules, start=1):
        given = {field: getattr(rule, field) for field in rule.model_fields_set if getattr(rule, field) is not None}
        yield Rule(**{**terms, **given, "name": rule.name or f"rule {n}"})
    for (kind, name), mode in sorted(modes.items(), key=lambda one: one[1], reverse=True):
        if mode in THEN:
            yield Rule(name=f"{name}: {mode}", when=_only(kind, name), then=THEN[mode], **terms)
    if file.mode != "investigate":
        yield Rule(name=f"mode: {file.mode}", then=THEN[file.mode], **terms)


def _forbidden(name: str, rules: ConnectorRules) -> Iterable[Rule]:
    here = When(connector=(name,))
    if rules.scope == "read_only":
        yield Rule(name=f"{name}: scope read_only", when=here, then="deny")
    for field, lists in (
        ("verb", rules.actions),
        ("target", rules.targets),
        ("environment", rules.environments),
        ("workspace", rules.workspaces),
    ):
        if lists.deny:
            denied = here.model_copy(update={field: lists.deny})
            yield Rule(name=f"{name}: denied {field}", when=denied, then="deny")
        if lists.allow:
            allowed = When().model_copy(update={field: lists.allow})
            yield Rule(name=f"{name}: {field} not in its allow list", when=here, unless=(allowed,), then="deny")


def _only(kind: str, name: str) -> When:
    return When(connector=(name,)) if kind == "connector" else When(channel=(name,))


def _check(file: PolicyFile, parsed: Text, connectors: list[str], verbs: list[str]) -> None:
    """Refuses names that nothing has: a rule with one would be silently without effect."""
    for name, one in file.connectors.items():
        _known(parsed, ("connectors", name), name, connectors, "connector")
        for part in ("allow", "deny"):
            for n, glob in enumerate(getattr(one.actions, part)):
                _known(parsed, ("connectors", name, "actions", part, n), glob, verbs, "action")
    for role, lists in (("agent", file.reading.agent), ("viewer", file.reading.viewer)):
        for part in ("allow", "deny") if lists is not None else ():
            for n, glob in enumerate(getattr(lists, part)):
                _known(parsed, ("reading", role, part, n), glob, connectors, "connector")
    for name in file.sources:
        _known(parsed, ("sources", name), name, sorted(SOURCES), "source")
    for n, rule in enumerate(file.rules):
        for what, found in (("when", (rule.when,)), ("unless", rule.unless)):
            for when in found:
                for field, names in (("verb", verbs), ("connector", connectors), ("channel", sorted(SOURCES))):
                    for glob in getattr(when, field):
                        _known(parsed, ("rules", n, what, field), glob, names, "action" if field == "verb" else field)


def _known(parsed: Text, path: tuple[str | int, ...], glob: str, names: list[str], what: str) -> None:
    if any(fnmatchcase(name, glob.casefold()) for name in names):
        return
    near = difflib.get_close_matches(glob, names, n=1)
    said = f"there is no {what} {glob!r}" + (f"; did you mean {near[0]!r}" if near else "")
    raise parsed.wrong(path, said, f"There are: {', '.join(names)}.")


def _refused(parsed: Text, error: Any, within: tuple[str, ...]) -> UserMustMend:
    path = within + where(error)
    reason = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return parsed.wrong(path, "there is no such key", REMEDY)
    return parsed.wrong(path, reason[:1].lower() + reason[1:])
