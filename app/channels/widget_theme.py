"""How the widget looks and what it is called: a JSON file, checked when the server starts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from tools.kit.errors import UserMustMend

LARGEST = 200_000
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_LOGO = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=]+|/(?!/)[\w./%-]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?")

Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Colours(Frozen):
    """The colours of one mode, each as #rgb or #rrggbb; what is left out stays the widget's own."""

    accent: str | None = Field(default=None, description="the button, links and the visitor's own words")
    on_accent: str | None = Field(default=None, description="what is written on the accent")
    background: str | None = None
    surface: str | None = Field(default=None, description="behind answers")
    text: str | None = None
    muted: str | None = Field(default=None, description="times and hints")
    border: str | None = None

    @field_validator("*")
    @classmethod
    def _is_a_colour(cls, value: str | None) -> str | None:
        if value is not None and not _COLOUR.fullmatch(value):
            raise ValueError("a colour is written like #0a7 or #00aa77")
        return value


class Texts(Frozen):
    """What the widget says, in one language; what is left out stays the widget's own."""

    open: Words | None = None
    close: Words | None = None
    placeholder: Words | None = None
    send: Words | None = None
    person: Words | None = None
    greeting: Words | None = None
    hint: Words | None = None
    working: Words | None = None
    failed: Words | None = None
    sources: Words | None = None
    you: Words | None = None
    waiting: Words | None = None
    taken: Words | None = Field(default=None, description="{name} is who has the conversation")
    nobody: Words | None = None
    ticket: Words | None = None
    ticket_kept: Words | None = None
    name: Words | None = None
    email: Words | None = None
    message: Words | None = None
    cancel: Words | None = None
    offline: Words | None = None
    slow: Words | None = None


class Theme(Frozen):
    """What DEUS_WIDGET_THEME may say. Everything may be left out."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "Help"
    greeting: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    mode: Literal["auto", "light", "dark"] = "auto"
    position: Literal["right", "left"] = "right"
    light: Colours = Colours()
    dark: Colours = Colours()
    logo: Annotated[str, StringConstraints(max_length=100_000)] | None = Field(
        default=None, description="a data: URI of a picture in base64, or a path on the page's own origin"
    )
    texts: dict[str, Texts] = Field(default_factory=dict, description="by language, such as en or pt-BR")

    @field_validator("logo")
    @classmethod
    def _is_a_logo(cls, value: str | None) -> str | None:
        if value is not None and not _LOGO.fullmatch(value):
            raise ValueError("a logo is a data: URI of a picture in base64, or a path such as /logo.svg")
        return value

    @field_validator("texts")
    @classmethod
    def _are_languages(cls, value: dict[str, Texts]) -> dict[str, Texts]:
        for language in value:
            if not _LANGUAGE.fullmatch(language):
                raise ValueError(f"{language!r} is no language; write en, de or pt-BR")
        return value

    def document(self) -> dict[str, Any]:
        """The theme as the page gets it: only what was said."""
        return self.model_dump(mode="json", exclude_none=True)


def read_theme(path: Path | None) -> Theme:
    """The theme of a file; the widget's own without one. Raises UserMustMend, naming the field, for a bad one."""
    if path is None:
        return Theme()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserMustMend(f"DEUS_WIDGET_THEME names {path}, which cannot be read.") from error
    if len(text) > LARGEST:
        raise UserMustMend(f"The widget's theme {path} is larger than {LARGEST:,} characters.")
    try:
        return Theme.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise UserMustMend(
            f"The widget's theme {path} is not JSON: {error.msg}, line {error.lineno}.",
            remedy="docs/widget.md shows one.",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise UserMustMend(
            f"The widget's theme {path} cannot be used, {place}: {reason}.", remedy="docs/widget.md lists the fields."
        ) from error
