"""What a process says of itself: a line for each decision that matters, on standard error, made of ids and never of text.

Who has something to say calls `say` with an event of EVENTS and fields of FIELDS; `checked` lets nothing else through. Nothing is
heard before `set_up`, so that commands which judge without a service stay quiet. Libraries write by the same form: their own
words, without the values that they put into them. An error is told by its kind and place, for its text may hold a message.
"""

import json
import logging
import math
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, Literal

from streams.settings import Settings

INFO, WARNING, ERROR, CRITICAL = logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL

# Each event: how grave it is, and what happened. `docs/logs.md` is made from this and from FIELDS.
EVENTS: Final[Mapping[str, tuple[int, str]]] = {
    # what was decided
    "verdict": (INFO, "A message, or a state of affairs, was found to break clauses, or a person is asked about it."),
    "unmeasured": (WARNING, "An observation could not be measured by some classifier; it is screened again."),
    "sanction": (
        INFO,
        "A sanction was prescribed; with `draft` it waits for a person, with `reverses` it takes one back.",
    ),
    "review": (INFO, "A question was put to a person."),
    "action": (
        INFO,
        "An action was tried, or given up; `outcome` says what came of it, `retry` that it is tried again.",
    ),
    "decision": (INFO, "A person decided."),
    "appeal": (INFO, "A member asked for a sanction to be looked at again."),
    "erased": (INFO, "A person was erased; once for each group in which something of him was found."),
    "dead_letter": (WARNING, "Input could not be used and was set aside."),
    "rule_broke": (ERROR, "An agent failed at a record, which was set aside alone; the others go on."),
    # what people and brakes hold
    "paused": (WARNING, "A person stopped outgoing actions in a scope."),
    "resumed": (INFO, "A person let outgoing actions go on."),
    "brake": (ERROR, "A budget of sanctions is used up: what would go out in this scope waits as drafts for a person."),
    "brake_released": (INFO, "What a brake held goes on."),
    # what is in force
    "edition": (INFO, "What is in force: packs, lists and weights by version, from `since` on."),
    "edition_refused": (
        ERROR,
        "An announcement cannot take effect; `xunqun control list` says why. The last good one stays.",
    ),
    "shadow_broke": (ERROR, "A shadow failed at a chunk; judging goes on. Said once for each shadow."),
    # the process
    "started": (INFO, "The process serves."),
    "open_address": (
        WARNING,
        "Others than this machine reach the port, and with it metrics, health and the status page.",
    ),
    "stopping": (INFO, "The process was asked to end and finishes what it has in hand."),
    "stopped": (INFO, "The process ends, with this exit code."),
    "broke": (CRITICAL, "Something failed that waiting does not mend: the process ends, for its successor."),
    "thread_broke": (ERROR, "A thread, or the end of an object, failed where nobody was asking."),
    "stalled": (CRITICAL, "No progress for so long: the process ends, for its successor."),
    "connector_broke": (
        ERROR,
        "A connector raised instead of answering; the action is tried again or put to a person.",
    ),
    "loop_broke": (ERROR, "A loop failed and is started again."),
    "assigned": (INFO, "Partitions were given to an agent of this worker."),
    "revoked": (INFO, "Partitions were taken from an agent of this worker."),
    "restored": (WARNING, "Redis had lost what it held; it was filled again from the log."),
    "away": (WARNING, "A part cannot be reached; what needs it waits, nothing is skipped."),
    "back": (INFO, "A part that was away answers again."),
    "request_failed": (ERROR, "A call over HTTP failed by our fault and got 500."),
    "request_malformed": (WARNING, "What came over HTTP was no request; its bytes are not shown."),
    "unsealed": (WARNING, "Without this setting reports and messages with a secrecy marking are refused."),
    "labels_kept": (ERROR, "Labels past their time could not be removed from their file."),
    # the log itself
    "left_out": (WARNING, "So many lines of one event were left out in the last span, because there were too many."),
    "library": (WARNING, "A library's own words (`line`), without the values in them."),
    "undeclared": (ERROR, "Something was said that is not on this list: a fault of ours."),
}

Kind = Literal["id", "ids", "number", "flag", "line"]
FIELDS: Final[Mapping[str, tuple[Kind, str]]] = {
    "observation_id": ("id", "the observation that all this follows from"),
    "group_id": ("id", "the group, as its platform names it"),
    "platform": ("id", "where the group is"),
    "pack": ("id", "the policy pack"),
    "clause": ("id", "the clause"),
    "clauses": ("ids", "the clauses found broken"),
    "asked": ("ids", "the clauses about which a person is asked"),
    "violation_ids": ("ids", "findings"),
    "sanction_id": ("id", "a sanction"),
    "reverses": ("id", "the sanction that is taken back"),
    "action_id": ("id", "an action; the same over all tries"),
    "review_id": ("id", "a question to a person; `xunqun review show` shows it"),
    "decision_id": ("id", "a decision"),
    "appeal_id": ("id", "an appeal"),
    "erasure_id": ("id", "an erasure"),
    "on": ("id", "what kind of thing a decision is on"),
    "target_id": ("id", "what a decision is on"),
    "outcome": ("id", "what came of it"),
    "kind": ("id", "which kind of sanction, review or announcement"),
    "mode": ("id", "the mode of the group"),
    "draft": ("flag", "waits for a person's approval"),
    "call": ("id", "what the platform is asked to do"),
    "tries": ("number", "which try it was"),
    "categories": ("ids", "what could not be measured"),
    "scope": ("id", "what is held: a group, a clause, a pack, or all"),
    "packs": ("ids", "packs in force, each with its version"),
    "lists": ("id", "version of the word lists in force"),
    "model": ("id", "version of the weights in force"),
    "shadow": ("id", "the shadow that runs beside"),
    "since": ("id", "from when on"),
    "process": ("id", "`run`, `worker` or `ingest`"),
    "worker": ("id", "the name of this process"),
    "pid": ("number", "its number on this machine"),
    "version": ("id", "version of Xunqun"),
    "roles": ("ids", "the agents of a worker"),
    "agent": ("id", "one agent"),
    "agents": ("ids", "agents"),
    "host": ("id", "the address that is listened on"),
    "port": ("number", "its port"),
    "topic": ("id", "a topic"),
    "partition": ("number", "a partition"),
    "offset": ("number", "place of a record in its partition; in one process, in the log"),
    "partitions": ("ids", "partitions, each as topic/number"),
    "part": ("id", "what is away: kafka, redis, postgres, sqlite, keys or other"),
    "seconds": ("number", "how long"),
    "code": ("number", "exit code, or the system's number of an error"),
    "setting": ("id", "a setting"),
    "loop": ("id", "a loop of the process"),
    "route": ("id", "the pattern of a path"),
    "cause": ("id", "why, as in `xunqun_dead_letters_total`"),
    "error": ("id", "the kind of an error"),
    "place": ("ids", "where it was raised, innermost first"),
    "logger": ("id", "the library's logger"),
    "line": ("line", "a library's own words"),
    "event_left_out": ("id", "the event of which lines were left out"),
    "count": ("number", "how many"),
    "dropped": ("number", "fields that were not shown because they are not on this list"),
}

# The most that is said of one event in a span of seconds: 20 a second, and a chunk that brings many at once passes whole.
MOST, SPAN = 200, 10.0
# The same for one line of a library: some write ten a second for as long as a broker is away.
LIBRARY_MOST, LIBRARY_SPAN = 3, 30.0
LONGEST: Final = 200
_MOST_IDS = 20
_MOST_KEPT = 1000
# What a plain id looks like. Anything else may be somebody's words or name: a sender chooses the ids of messages.
_ID = re.compile(rf"[A-Za-z0-9_.:@/+=~-]{{1,{LONGEST}}}")
# Faust looks at fetches and acknowledgements that we do otherwise, and calls a worker stuck that is not; `stalled` is ours. A
# heartbeat that hears of a rebalance has not failed.
_MISLEADING = (
    "Aiokafka has not ",
    "Aiokafka stopped fetching",
    "Broker stopped responding to fetch",
    "Highwater not yet available",
    "Stream has not started processing",
    "Stream stopped processing",
    "Has not committed ",
    "because it is rebalancing",
)
# `[^--Consumer]: `, which the services of Faust put before their lines.
_OF_SERVICE = re.compile(r"^\[\^[^\]]*\]:? ")

_log = logging.getLogger("xunqun")
# Before `set_up`, and in commands that never call it, what is said is not Python's to print.
_log.addHandler(logging.NullHandler())
_dropped: Counter[str] = Counter()
_strict = False


class Undeclared(Exception):
    """Something was said that is not declared above; raised in tests only."""


def be_strict(on: bool = True) -> None:
    """Let what would be dropped raise Undeclared. For tests."""
    global _strict
    _strict = on


def dropped() -> Mapping[str, int]:
    """How many fields of each name were dropped by this process."""
    return _dropped


def say(event: str, **fields: Any) -> None:
    """Write a line, where the process has a log. Never raises but in tests; fields that are None are left out."""
    level = EVENTS[event][0] if event in EVENTS else ERROR
    if _log.isEnabledFor(level):
        said = Said(event, fields)
        if _strict:
            said.line()
        _log.log(level, said)


def is_heard(event: str) -> bool:
    """Whether anybody hears it: ask before going to the trouble of finding out what to say."""
    return _log.isEnabledFor(EVENTS[event][0])


class Said:
    """What is said, until it is written: the fields are looked at once."""

    __slots__ = ("_fields", "_line", "event")

    def __init__(self, event: str, fields: Mapping[str, Any]) -> None:
        self.event = event
        self._fields = fields
        self._line: dict[str, Any] | None = None

    def line(self) -> dict[str, Any]:
        """The event and all fields that may be shown."""
        if self._line is None:
            self._line = dict(checked(None, "", {"event": self.event, **self._fields}))
        return self._line

    def __str__(self) -> str:
        return " ".join(
            str(value) if name == "event" else f"{name}={json.dumps(value)}" for name, value in self.line().items()
        )


def checked(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: only events and fields that are declared, with values of their kind.

    What is not declared is dropped and counted. An id that is not plain is shown as a digest, which is the same each time.
    """
    shown: dict[str, Any] = {}
    lost = [] if line["event"] in EVENTS else ["event"]
    shown["event"] = "undeclared" if lost else line["event"]
    for name, value in line.items():
        # What has no id, such as a tick, has an empty one.
        if name == "event" or value in (None, ""):
            continue
        kept = _KINDS[FIELDS[name][0]](value) if name in FIELDS else None
        if kept is None:
            lost.append(name)
        else:
            shown[name] = kept
    if lost:
        if _strict:
            raise Undeclared(f"{', '.join(lost)} of {line['event']}: see EVENTS and FIELDS in streams/logs.py")
        _dropped.update(one if one in FIELDS else "undeclared" for one in lost)
        shown["dropped"] = len(lost)
    return shown


def _id(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if _ID.fullmatch(value):
        return value
    return f"~{blake2b(value.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}" if value else None


def _ids(value: Any) -> list[str] | None:
    if isinstance(value, str) or not isinstance(value, Sequence | Set):
        return None
    shown = [_id(one) for one in list(value)[:_MOST_IDS]]
    more = [f"+{len(value) - _MOST_IDS}"] if len(value) > _MOST_IDS else []
    return [*shown, *more] if all(shown) else None  # type: ignore[list-item]


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return (value if isinstance(value, int) else round(value, 3)) if fits and abs(value) < 1e18 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _own_line(value: Any) -> str | None:
    return value[:LONGEST] if isinstance(value, _Literal) else None


_KINDS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "id": _id,
    "ids": _ids,
    "number": _number,
    "flag": _flag,
    "line": _own_line,
}


# errors


def place_of(error: BaseException) -> list[str]:
    """Where it was raised, innermost first, at most three places; no text, no values."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-3:][::-1]


def what_broke(error: BaseException) -> dict[str, Any]:
    """The fields of an error: its kind and place."""
    return {"error": type(error).__name__, "place": place_of(error) or None}


def in_words(error: BaseException) -> str:
    """The same for people: `ValueError at rules.py:12`."""
    return " at ".join([type(error).__name__, *place_of(error)[:1]])


# what is away


class Absences:
    """Which parts are away, so that it is said once, and once that they are back."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def away(self, part: str) -> None:
        if part not in self._since:
            self._since[part] = time.monotonic()
            say("away", part=part)

    def back(self, part: str) -> None:
        if (since := self._since.pop(part, None)) is not None:
            say("back", part=part, seconds=round(time.monotonic() - since, 1))

    def look(self, missing: Iterable[str]) -> None:
        """`missing`: the parts that are away now."""
        now = set(missing)
        for part in sorted(now):
            self.away(part)
        for part in sorted(self._since.keys() - now):
            self.back(part)


# lines of libraries


class _Literal(str):
    """Words that stand in a library's code, with values that cannot be anybody's words."""


class _Value(str):
    """A value in such a line; `%r` shows it without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _harmless(value: Any, depth: int = 0) -> Any:
    """What may be shown of a value that a library puts into a line: numbers, plain names, kinds of all else."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and _ID.fullmatch(value) and len(value) <= 100:
        return _Value(value)
    if isinstance(value, type):
        return _Value(value.__name__)
    if isinstance(value, tuple | list | Set) and len(value) <= 10 and depth < 2:
        return _Value(f"({', '.join(str(_harmless(one, depth + 1)) for one in value)})")
    return _Value(f"<{type(value).__name__}>")


def _words_of(template: str, arguments: Any) -> _Literal | None:
    """A library's line without its values; None where its words were put together, and may hold anything.

    Whether they are its own is seen from the code that is just saying them: it holds them as a constant.
    """
    bare = _OF_SERVICE.sub("", template)
    frame = sys._getframe()
    for _ in range(30):
        if frame.f_back is None:
            return None
        frame = frame.f_back
        if any(isinstance(one, str) and bare and bare == one for one in frame.f_code.co_consts):
            break
    else:
        return None
    if isinstance(arguments, Mapping):
        values: Any = {str(name): _harmless(value) for name, value in arguments.items()}
    else:
        values = tuple(map(_harmless, arguments or ()))
    try:
        said = bare % values if values else bare
    except (TypeError, ValueError, KeyError):
        said = bare
    return _Literal(" ".join(said.split())[:LONGEST])


def _of_library(record: logging.LogRecord, taken: Mapping[str, Any]) -> dict[str, Any]:
    place: Sequence[str] = [f"{record.filename}:{record.lineno}"]
    # structlog has taken arguments and error out of the record.
    error = taken["exc_info"][1] if taken.get("exc_info") else None
    if error is not None:
        place = [*place_of(error)[:2], *place]
    return {
        "event": "library",
        "logger": record.name,
        "line": _words_of(str(record.msg), taken["positional_args"]),
        "error": type(error).__name__ if error else None,
        "place": place,
    }


# writing


@dataclass
class _Span:
    """What was said of one event since a time, and how much of it was left out."""

    ends: float
    name: str
    said: int = 0
    left_out: int = 0


class Writer(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes lines to a stream; of one event, MOST in SPAN seconds, and then one line that says how many were left out."""

    def __init__(
        self,
        stream: Any,
        *,
        form: Literal["json", "text"],
        always: Mapping[str, Any] | None = None,
        most: int = MOST,
        span: float = SPAN,
        library_most: int = LIBRARY_MOST,
        library_span: float = LIBRARY_SPAN,
    ) -> None:
        """`always`: fields of every line."""
        super().__init__(stream)
        self._limits = {True: (most, span), False: (library_most, library_span)}
        self._spans: dict[tuple[str, ...], _Span] = {}
        self._timer: threading.Timer | None = None
        self.setFormatter(_formatter(form, always or {}, colours=form == "text" and stream.isatty()))

    def emit(self, record: logging.LogRecord) -> None:
        mine = isinstance(record.msg, Said)
        if not mine and (record.levelno < WARNING or any(words in str(record.msg) for words in _MISLEADING)):
            return
        name = record.msg.event if mine else record.name
        key = (name,) if mine else (name, str(record.msg)[:80])
        most, span = self._limits[mine]
        now = time.monotonic()
        held = self._spans.get(key)
        if held is None or now >= held.ends:
            if held is not None:
                self._tell(held)
            if len(self._spans) >= _MOST_KEPT:
                self.tell_left_out()
            held = self._spans[key] = _Span(now + span, name)
        if held.said >= most:
            held.left_out += 1
            # Whoever floods may fall silent: that something was left out is said all the same.
            self._tell_later(held.ends - now)
            return
        held.said += 1
        super().emit(record)

    def tell_left_out(self) -> None:
        """Say now what was left out."""
        with self.lock:  # type: ignore[union-attr]
            spans = list(self._spans.values())
            self._spans.clear()
            for one in spans:
                self._tell(one)

    def close(self) -> None:
        self.tell_left_out()
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:
        # Python would print the record with all its values.
        _dropped["unwritten"] += 1
        if _strict:
            raise

    def _tell(self, span: _Span) -> None:
        if span.left_out:
            said = Said("left_out", {"event_left_out": span.name, "count": span.left_out})
            super().emit(logging.LogRecord("xunqun", WARNING, "", 0, said, None, None))
            span.left_out = 0

    def _tell_later(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._tell_in_time)
            self._timer.daemon = True
            self._timer.start()

    def _tell_in_time(self) -> None:
        with self.lock:  # type: ignore[union-attr]
            self._timer = None
            now = time.monotonic()
            for key in [key for key, one in self._spans.items() if now >= one.ends]:
                self._tell(self._spans.pop(key))
            if waiting := [one.ends for one in self._spans.values() if one.left_out]:
                self._tell_later(min(waiting) - now)


def _formatter(form: str, always: Mapping[str, Any], *, colours: bool) -> logging.Formatter:
    # Loaded here: of those who import this module most are commands that never write a line.
    import msgspec
    import structlog

    def line_of(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        record: logging.LogRecord = line["_record"]
        if isinstance(record.msg, Said):
            said: Mapping[str, Any] = record.msg.line()
        else:
            said = checked(None, "", _of_library(record, line))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"at": at, "level": record.levelname.lower(), **said, **always}

    encode = msgspec.json.Encoder().encode
    render = (
        structlog.processors.JSONRenderer(serializer=lambda line, **_: encode(line).decode())
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="at", pad_event_to=12, sort_keys=False)
    )
    return structlog.stdlib.ProcessorFormatter(processors=[line_of, render], pass_foreign_args=True)


def set_up(settings: Settings, process: str, *, quiet: bool = False) -> None:
    """Let this process have a log until `take_down`; `quiet` leaves out what is no trouble.

    JSON where standard error is no terminal, unless XUNQUN_LOG says otherwise.
    """
    import socket

    form: Literal["json", "text"] = "text" if sys.stderr.isatty() else "json"
    if settings.log:
        form = "json" if settings.log == "json" else "text"
    named = {"process": process, "worker": settings.worker_id or socket.gethostname()}
    always = {
        name: value for name, value in checked(None, "", {"event": "started", **named}).items() if name != "event"
    }
    take_down()
    root = logging.getLogger()
    root.addHandler(Writer(sys.stderr, form=form, always=always))
    root.setLevel(WARNING)
    _log.setLevel(WARNING if quiet else INFO)
    logging.captureWarnings(True)
    # What nobody catches would be printed with its text.
    threading.excepthook = lambda what: _told_by_hook(what.exc_value)
    sys.unraisablehook = lambda what: _told_by_hook(what.exc_value)


def take_down() -> None:
    """Say what was left out, and nothing more from now on."""
    root = logging.getLogger()
    for one in [one for one in root.handlers if isinstance(one, Writer)]:
        root.removeHandler(one)
        one.close()
        _log.setLevel(logging.NOTSET)
        logging.captureWarnings(False)
        threading.excepthook = threading.__excepthook__
        sys.unraisablehook = sys.__unraisablehook__


def tell_end(error: BaseException) -> bool:
    """Say that the process ends by an error that nobody catches; False where it has no log."""
    say("broke", **what_broke(error))
    return any(isinstance(one, Writer) for one in logging.getLogger().handlers)


def _told_by_hook(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt):
        say("thread_broke", **what_broke(error))


def as_markdown() -> str:
    """The tables of `docs/logs.md`."""
    rows = ["| event | level | what happened |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {logging.getLevelName(level).lower()} | {help} |" for name, (level, help) in EVENTS.items()]
    rows += ["", "| field | form | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {kind} | {help} |" for name, (kind, help) in FIELDS.items()]
    return "\n".join(rows) + "\n"
