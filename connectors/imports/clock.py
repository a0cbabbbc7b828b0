"""Local times of exports as milliseconds."""

from datetime import datetime
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


def hour_of(hour: int, half: str | None) -> int:
    """The hour of 24; `half` is 上午, 下午, AM, PM or the like."""
    if half in _AFTERNOON and hour < 12 and not (half == "中午" and hour == 11):
        return hour + 12
    return 0 if half in _MORNING and hour == 12 else hour


def millis(local: datetime, zone: ZoneInfo) -> Millis:
    """Milliseconds since 1970 UTC; of a time that the clock showed twice, the first."""
    return int(local.replace(tzinfo=zone).timestamp()) * 1000
