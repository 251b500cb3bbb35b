"""Dates: arithmetic in the Gregorian calendar, by the standard library."""

import calendar
import re
from datetime import MAXYEAR, MINYEAR, date, timedelta

from disputatio.errors import ToolError
from disputatio.tools.tool import tool

MAX_STEPS = 20
MAX_NUMBER = 4_000_000
"""The largest number of units in one step: more days than the calendar has."""
_STEP = re.compile(r"\s*([+-])\s*(\d{1,7})\s*(weekday|business day|working day|day|week|month|year)s?\b", re.IGNORECASE)
_DATE = re.compile(r"\s*(\d{4}-\d{2}-\d{2})")


@tool(access="pure", examples={"Which day is 10 days after 2024-02-25?": {"expression": "2024-02-25 + 10 days"}})
def dates(expression: str) -> str:
    """Count with dates: "2024-01-31 + 1 month - 3 days" gives a date, "2024-12-25 - 2024-02-29" what lies between.

    Args:
        expression: Dates are written YYYY-MM-DD. Steps are + or - a number of days, weeks, weekdays (Monday to
            Friday), months or years; a day that the month does not have becomes its last. A date alone gives its
            weekday, week and place in the year.
    """
    found = _DATE.match(expression)
    if found is None:
        raise ToolError(f"{expression[:80]!r} does not begin with a date, written as YYYY-MM-DD")
    day, place = _read(found[1]), found.end()
    for _ in range(MAX_STEPS):
        rest = expression[place:]
        if not rest.strip():
            return _shown(day)
        if step := _STEP.match(rest):
            day = _moved(day, int(step[2]) * (-1 if step[1] == "-" else 1), step[3].lower())
            place += step.end()
        elif (minus := re.fullmatch(r"\s*(?:-|to|until)\s*(\d{4}-\d{2}-\d{2})\s*", rest)) is not None:
            other = _read(minus[1])
            return _between(*((other, day) if rest.strip().startswith("-") else (day, other)))
        else:
            raise ToolError(f"{rest.strip()[:80]!r} is no step, such as '+ 3 weeks' or '- 2024-02-29'")
    raise ToolError(f"at most {MAX_STEPS} steps can be made")


def _read(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"{text!r} is no date: {error}") from error


def _moved(day: date, number: int, unit: str) -> date:
    """The date so many units later, or earlier if the number is negative."""
    try:
        match unit:
            case "day":
                return day + timedelta(days=number)
            case "week":
                return day + timedelta(weeks=number)
            case "month":
                return _months(day, number)
            case "year":
                return _months(day, 12 * number)
        return _weekdays(day, number)
    except (OverflowError, ValueError) as error:
        raise ToolError(f"the calendar goes from year {MINYEAR} to year {MAXYEAR}") from error


def _months(day: date, number: int) -> date:
    year, month = divmod(12 * day.year + day.month - 1 + number, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _weekdays(day: date, number: int) -> date:
    """The date so many days from Monday to Friday away: whole weeks at once, the rest day by day."""
    weeks, left = divmod(abs(number), 5)
    one = timedelta(days=1 if number > 0 else -1)
    while number and day.weekday() >= 5:  # from a weekend, counting starts at the Friday or Monday before
        day -= one
    day += timedelta(weeks=weeks if number > 0 else -weeks)
    while left:
        day += one
        left -= day.weekday() < 5
    return day


def _between(first: date, last: date) -> str:
    """How far it is from one date to another."""
    days = (last - first).days
    early, late = min(first, last), max(first, last)
    months = 12 * (late.year - early.year) + late.month - early.month
    months -= _months(early, months) > late
    left = (late - _months(early, months)).days
    years, months = divmod(months, 12)
    weekdays = sum((early.weekday() + place) % 7 < 5 for place in range(1, abs(days) % 7 + 1)) + 5 * (abs(days) // 7)
    return (
        f"{days} days ({'minus ' if days < 0 else ''}{years} years, {months} months and {left} days; "
        f"{weekdays} weekdays, the first date not counted)"
    )


def _shown(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{day.isoformat()} ({day:%A}, day {day.timetuple().tm_yday} of the year, ISO week {week} of {year})"
