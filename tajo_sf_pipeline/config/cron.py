"""Cron expressions as Dagster's scheduler takes them, told apart without importing it.

Five fields: minute, hour, day, month, day of the week. Of what is rarer a person may write names
of months and days, ``L`` for a month's last day, ``fri#2`` for its second Friday, ``L5`` for its
last one. What never comes, such as the 31st of April, is refused too. A test compares this with
Dagster's own reading.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_ALIASES = frozenset(
    {"@midnight", "@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"}
)
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # a month, of January to December
_ITEM = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?", re.ASCII)
_NTH = re.compile(r"(?P<day>\w+)#[1-5]|l(?P<last>[0-7])", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """Return what a number or a name stands for; raise `ValueError` outside of the field."""
        if text in self.names:
            return self.names.index(text) + self.low
        if not text.isdecimal() or not self.low <= int(text) <= self.high:
            raise ValueError(f"{text!r} is no {self.name}")
        return int(text)

    def values(self, item: str) -> Iterator[int]:
        """Return what one item of the list stands for, such as ``5``, ``1-5/2`` or ``*/10``."""
        match = _ITEM.fullmatch(item)
        if match is None or (item.startswith("*-")):
            raise ValueError(f"{item!r} is no {self.name}")
        step = int(match["step"] or 1)
        if step == 0:
            raise ValueError(f"{item!r}: a step of 0 goes nowhere")
        first = self.low if match["first"] == "*" else self.number(match["first"])
        if match["last"]:
            last = self.number(match["last"])
        else:
            last = self.high if match["step"] or match["first"] == "*" else first
        # From the later to the earlier, as in `fri-mon`, it goes over the end.
        yield from range(first, (last if first <= last else self.high) + 1, step)
        if first > last:
            yield from range(self.low, last + 1, step)


_MINUTE, _HOUR = _Field("minute", 0, 59), _Field("hour", 0, 23)
_DAY = _Field("day of a month", 1, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))


def check_cron(text: str) -> str:
    """Return the expression; raise `ValueError`, with what is wrong, where none would run it."""
    lower = text.lower()
    if lower in _ALIASES:
        return text
    fields = lower.split()
    if len(fields) != 5:  # noqa: PLR2004 - as the message says
        raise ValueError("must be a cron expression such as '0 */6 * * *', with five fields")
    minute, hour, day, month, weekday = fields
    _expanded(_MINUTE, minute)
    _expanded(_HOUR, hour)
    months = _expanded(_MONTH, month)
    always = _check_weekdays(weekday)
    days = _days(day)
    impossible = not any(number <= _LONGEST[one - 1] for number in days for one in months)
    # Where both are given, a day that fits either is meant; Dagster refuses 30 February even so.
    if impossible and (always or (months == {2} and len(days) == 1)):
        raise ValueError(f"the day {day} of the month {month} never comes")
    return text


def _days(text: str) -> set[int]:
    items = text.split(",")
    if text == "?":
        return {1}
    # The last day is of any month that there is, and is at least its 28th.
    days = {28} if "l" in items else set()
    return days | _expanded(_DAY, ",".join(_to_the_end(items))) if set(items) != {"l"} else days


def _to_the_end(items: Iterable[str]) -> Iterator[str]:
    for item in items:
        if item != "l":
            yield re.sub(r"-l\b", "-31", item)


def _check_weekdays(text: str) -> bool:
    """Return whether every day of the week is meant; refuse a mixture of days and of nth days."""
    if text in {"*", "?"}:
        return True
    items = text.split(",")
    nth = [match for item in items if (match := _NTH.fullmatch(item))]
    if nth and len(nth) < len(items):
        raise ValueError(f"{text!r} mixes days of the week with those of one week of the month")
    if nth:
        for match in nth:
            _WEEKDAY.number(match["day"] or match["last"])
    else:
        _expanded(_WEEKDAY, text)
    return False


def _expanded(field: _Field, text: str) -> set[int]:
    return {number for item in text.split(",") for number in field.values(item)}
