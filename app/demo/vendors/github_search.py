"""GitHub's search queries, as far as connectors write them: qualifiers, words, and OR between words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.demo.vendors.github_pulls import State
from app.demo.vendors.github_records import Repository

_QUALIFIER = re.compile(r'(-?[a-z]+):("[^"]*"|\S+)')


def words_of(query: str) -> list[str]:
    """The bare words of a query, without its qualifiers, operators and brackets."""
    bare = _QUALIFIER.sub(" ", query)
    return [word for word in re.findall(r"[^\s()\"]+", bare) if word not in ("OR", "AND", "NOT")]


def matching(repository: Repository, query: str) -> list[State]:
    """The pull requests that a query finds: any of its words where it says OR, else all of them."""
    words = [word.lower() for word in words_of(query)]
    enough = any if re.search(r"\bOR\b", query) else all
    found: list[State] = []
    for state in repository.states.values():
        issue = repository.issue(state.number)
        there = set(re.findall(r"[\w-]+", f"{issue['title']} {issue['body'] or ''}".lower()))
        worded = not words or enough(any(part.startswith(word) for part in there) for word in words)
        if worded and all(_qualifies(repository, state, *pair) for pair in _QUALIFIER.findall(query)):
            found.append(state)
    return found


def _qualifies(repository: Repository, state: State, name: str, value: str) -> bool:
    value = value.strip('"')
    match name:
        case "is" | "state" | "type":
            held = {"pr", "pull-request", "open" if state.state == "open" else "closed", state.state}
            held |= {"unmerged"} if state.state != "merged" else set()
            return value in held
        case "author":
            return repository.login(state.artefact["author"]).lower() == value.lower()
        case "updated" | "created":
            at = state.updated if name == "updated" else state.artefact.at or state.updated
            return _within(at, value)
        case _:
            return True


def _within(at: datetime, bound: str) -> bool:
    low, dots, high = bound.partition("..")
    if dots:
        return (low == "*" or at >= _time(low)) and (high == "*" or at <= _time(high))
    operator = re.match(r"[<>]=?|", bound)
    sign = operator.group(0) if operator else ""
    edge = _time(bound[len(sign) :])
    return {">=": at >= edge, ">": at > edge, "<=": at <= edge, "<": at < edge, "": at.date() == edge.date()}[sign]


def _time(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
