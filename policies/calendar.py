"""Working time: adds spans to times by the Chinese public calendar (library `chinesecalendar`, updated each year)."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import chinese_calendar

from models.observation import Millis
from policies.schema import Span

DAY = 24 * 60 * 60 * 1000
MINUTE = 60 * 1000
HOUR = 60 * MINUTE
# The year 2100.
_LATEST = 4_102_444_800_000


@lru_cache(1024)
def _is_working_day(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


class WorkingCalendar:
    """Knows the tenant's working days and hours.

    `working_hours` is "HH:MM-HH:MM" local time. ValueError if it is not. Days outside the calendar's years (the public
    calendar is announced one year ahead) count as working days from Monday to Friday.
    """

    def __init__(self, timezone: str = "Asia/Shanghai", working_hours: str = "09:00-18:00") -> None:
        self.zone = ZoneInfo(timezone)
        start, _, end = working_hours.partition("-")
        self.start, self.end = time.fromisoformat(start), time.fromisoformat(end)
        self._day: tuple[Millis, Millis, str] = (0, 0, "")
        self._worked: dict[date, tuple[Millis, Millis]] = {}
        if self.start >= self.end:
            raise ValueError(f"working hours {working_hours!r} must start before they end, as in 09:00-18:00")

    def is_working_day(self, day: date) -> bool:
        return _is_working_day(day)

    def local(self, at: Millis) -> datetime:
        return datetime.fromtimestamp(at / 1000, self.zone)

    def local_day(self, at: Millis) -> str:
        """The local date; a stream asks thousands of times for the same one."""
        start, end, day = self._day
        if not start <= at < end:
            begins = datetime.combine(self.local(at).date(), time(), self.zone)
            start = int(begins.timestamp() * 1000)
            end = int(datetime.combine(begins.date() + timedelta(days=1), time(), self.zone).timestamp() * 1000)
            day = begins.date().isoformat()
            self._day = start, end, day
        return day

    def day_began(self, at: Millis) -> Millis:
        """When the local day of a time began."""
        self.local_day(at)
        return self._day[0]

    def after(self, start: Millis, span: Span) -> Millis:
        """Say when `span` has passed since `start`. Working days end at the end of that day, local time."""
        end = start + int(span.days * DAY)
        if span.working_days:
            end = self._after_working_days(end, span.working_days)
        clock = int(span.hours * 60 * MINUTE + span.minutes * MINUTE)
        return self._after_working_time(end, clock) if span.working and clock else end + clock

    def over(self, written: object, span: Span) -> Millis | None:
        """Say when `span` has passed since a date as people filled it in; None for what is no date.

        A day without a time is over at its end: nothing that follows it is late before.
        """
        start = self.millis(written)
        if start is None:
            return None
        day_only = len(written) == 10 if isinstance(written, str) else type(written) is date
        return max(self.after(start, span), self._day_ends(self.local(start).date()) if day_only else 0)

    def at_work(self, at: Millis) -> Millis:
        """The same time within working hours, else when they next begin."""
        return self._after_working_time(at, 1) - 1

    def millis(self, value: object) -> Millis | None:
        """Read a fact's date: milliseconds, a date, or `YYYY-MM-DD` (the start of that day, local time).

        None for what is no date, or none between 1970 and 2100: rules add spans to it, and calendars end.
        """
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return None
        if isinstance(value, datetime):
            value = int((value if value.tzinfo else value.replace(tzinfo=self.zone)).timestamp() * 1000)
        elif isinstance(value, date):
            value = int(datetime.combine(value, time(), self.zone).timestamp() * 1000)
        return value if type(value) is int and 0 <= value < _LATEST else None

    def _after_working_days(self, start: Millis, days: int) -> Millis:
        day = self.local(start).date()
        while days:
            day += timedelta(days=1)
            days -= self.is_working_day(day)
        return self._day_ends(day)

    def _day_ends(self, day: date) -> Millis:
        return int(datetime.combine(day + timedelta(days=1), time(), self.zone).timestamp() * 1000) - 1

    def _after_working_time(self, start: Millis, clock: int) -> Millis:
        day = date.fromisoformat(self.local_day(start))
        left = clock
        while True:
            opens, closes = self._hours(day)
            begins = max(start, opens)
            if begins + left <= closes:
                return begins + left
            left -= max(0, closes - begins)
            day += timedelta(days=1)

    def _hours(self, day: date) -> tuple[Millis, Millis]:
        """When work begins and ends on a day; two equal times where nobody works."""
        found = self._worked.get(day)
        if found is None:
            opens, closes = (
                int(datetime.combine(day, one, self.zone).timestamp() * 1000) for one in (self.start, self.end)
            )
            found = self._worked[day] = (opens, closes if self.is_working_day(day) else opens)
        return found
