"""YAML → plain values that know the line on which they stand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tools.kit.errors import UserMustMend

Path = tuple[str | int, ...]
REMEDY = "docs/policy.md shows what may stand there; `deus policy check FILE` tries a file without using it."


class Text:
    """A parsed file: `value` with every scalar as text, and the line of each of its parts."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._lines: dict[Path, int] = {}
        try:
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.BaseLoader)):
                raise self.wrong((), "anchors and aliases cannot be used here")
            node = yaml.compose(text, Loader=yaml.BaseLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise _wrong(name, line, f"this is not valid YAML: {error.problem or error}") from None
        except yaml.YAMLError as error:
            raise _wrong(name, 1, f"this is not valid YAML: {error}") from None
        if node is None:
            raise _wrong(name, 1, "the file is empty", "Write `mode: propose` into it, or take it away.")
        self.value: Any = self._plain(node, ())

    def wrong(self, path: Path, what: str, remedy: str = REMEDY) -> UserMustMend:
        """The refusal of what stands at a path, with the line nearest to it."""
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self._lines), ())
        at = ".".join(str(part) for part in path)
        return _wrong(self.name, self._lines.get(known, 1), f"{at}: {what}" if at else what, remedy)

    def _plain(self, node: yaml.Node, path: Path) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise self.wrong(path, "a key must be a word")
                self._lines[(*path, key.value)] = key.start_mark.line + 1
                if key.value in found:
                    raise self.wrong((*path, key.value), "it stands here twice")
                found[key.value] = self._plain(value, (*path, key.value))
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(part, (*path, n)) for n, part in enumerate(node.value)]
        return node.value


def where(loc: Mapping[str, Any]) -> Path:
    """The path of a pydantic error, without the names of union members."""
    return tuple(part for part in loc["loc"] if isinstance(part, int) or "[" not in part)


def _wrong(name: str, line: int, what: str, remedy: str = REMEDY) -> UserMustMend:
    return UserMustMend(f"{name}, line {line}: {what}.", remedy=remedy)
