"""Measurements. A classifier measures; it never judges."""

from msgspec import Struct

# Categories that `xunqun score` reports, in this order.
TRAINED_CATEGORIES = (
    "ads",
    "fraud",
    "gambling",
    "porn",
    "abuse",
    "rumour",
    "leak",
    "incitement",
    "negative_emotion",
    "violence",
    "off_topic",
    "reputation",
    "quarrel",
)


class Evidence(Struct, frozen=True, omit_defaults=True):
    """What shows it. `span` counts code points in the original text, half open; `why` is for people."""

    signal: str
    category: str
    span: tuple[int, int] | None = None
    matched: str | None = None
    why: str = ""


class Signal(Struct, frozen=True, omit_defaults=True):
    """One measurement of one observation.

    `classifier` names the kind and version (`keywords@3f2a…`), `score` is 0 to 1. `unavailable` says in a sentence why
    nothing could be measured; such a signal has score 0 and must never be read as "clean". `forwarded`: it tells of what the
    sender passed on, not of their own words.
    """

    classifier: str
    category: str
    score: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    unavailable: str | None = None
    forwarded: bool = False
