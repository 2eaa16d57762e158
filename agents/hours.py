"""A company's working hours: days of the week, times of the day, public holidays. Pure."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import Literal

from pydantic import Field, field_validator, model_validator

from agents.record import Frozen

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Frozen):
    """When people are at work, by the wall clock of the company. `until` is not worked any more; on the public
    holidays of `countries` (ISO codes) nobody is."""

    days: tuple[Day, ...] = DAYS[:5]
    begin: time = Field(default=time(9), alias="from")
    until: time = time(18)
    countries: tuple[str, ...] = ()

    model_config = Frozen.model_config | {"populate_by_name": True}

    @field_validator("begin", "until")
    @classmethod
    def _without_zone(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("a time of the day has no zone; it is the company's")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Hours:
        if self.until <= self.begin:
            raise ValueError("working hours end after they begin, on the same day")
        return self

    def away(self, at: datetime) -> str:
        """Why nobody is at work at a moment, which is in the company's zone; "" if people are."""
        if at.tzinfo is None:
            raise ValueError("working hours need a time with its zone")
        if DAYS[at.weekday()] not in self.days:
            return f"It is {at:%A}, no working day."
        if holiday := _holiday(self.countries, at.date()):
            return f"It is a public holiday: {holiday}."
        if not self.begin <= at.time() < self.until:
            return f"It is {at:%H:%M}, outside of working hours ({self.begin:%H:%M} to {self.until:%H:%M})."
        return ""

    def closing(self, at: datetime) -> str:
        """Whether the week is nearly over: why what breaks now stays broken until it begins again; "" if not."""
        last = max((DAYS.index(day) for day in self.days), default=-1)
        if not self.away(at) and at.weekday() == last and at.hour >= self.until.hour - 2:
            return f"It is {at:%A} {at:%H:%M}: the working week is nearly over."
        return ""


@lru_cache(maxsize=4096)
def _holiday(countries: tuple[str, ...], day: date) -> str:
    if not countries:
        return ""
    from tools.analysis.calendar import public_holidays

    return ", ".join(dict.fromkeys(one.name for one in public_holidays(countries, day, day)))
