"""Local times of exports as milliseconds."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.imports.source import ImportFailed
from models.observation import Millis

_AFTERNOON = frozenset({"下午", "晚上", "中午", "PM", "pm"})
_MORNING = frozenset({"上午", "早上", "凌晨", "AM", "am"})


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ImportFailed(f"--timezone {name}: there is no such time zone; give one such as Asia/Shanghai") from error


def day_of(match: re.Match[str], place: str) -> date:
    """The groups `y`, `m` and `d` as a date."""
    try:
        return date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError as error:
        raise ImportFailed(f"{place}: there is no such date; correct or delete the line") from error


def time_of(match: re.Match[str], day: date, zone: ZoneInfo, place: str) -> Millis:
    """The groups `h`, `min`, `s`, `half` and `after` on that day; of a time that the clock showed twice, the first."""
    hour = _hour(int(match["h"]), match["half"] or match["after"])
    try:
        local = datetime(day.year, day.month, day.day, hour, int(match["min"]), int(match["s"] or 0), tzinfo=zone)
        return int(local.timestamp()) * 1000
    except (ValueError, OverflowError) as error:
        raise ImportFailed(f"{place}: there is no such time of day; correct or delete the line") from error


def _hour(hour: int, half: str | None) -> int:
    """The hour of 24; `half` is 上午, 下午, AM, PM or the like."""
    if half in _AFTERNOON and hour < 12 and not (half == "中午" and hour == 11):
        return hour + 12
    return 0 if half in _MORNING and hour == 12 else hour
