"""Looks at everything the product needs and says, for each thing, what is right or what to do."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from classifiers.trained.serve import Model, ModelUnavailable
from models import Fleet
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.coverage import cover
from policies.notices import was_told
from policies.schema import Pack
from streams import desk
from streams.connections import certificate_ends, open_parts
from streams.http import is_loopback
from streams.loading import LoadError, fleet_from, lists_from, model_folder, packs_from
from streams.settings import Settings, secret_files
from streams.store import Store, StoreUnavailable
from streams.text_keys import exposed, is_founded
from streams.tuning.registry import in_force

# Less free disk than this is reported.
_LEAST_FREE = 1 << 30
_LEAST_PYTHON = (3, 11)
# A certificate that ends in fewer days is told of.
_SOON_DAYS = 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `note`: nothing is broken, but somebody should know."""

    state: Literal["ok", "note", "wrong"]
    what: str
    told: str


def examine(settings: Settings, *, fleet: bool = False) -> list[Finding]:
    """All findings; of a `fleet`, its parts in place of the SQLite file. LoadError without the fleet's packages."""
    parts = [*_fleet(settings), *_connections(settings)] if fleet else _store(settings)
    at_rest = _text_at_rest(settings.keys if fleet else settings.dir / "keys", fleet=fleet)
    return [_python(), *_files(settings), *parts, *at_rest, *_settings(settings), *_secrets(os.environ)]


def _text_at_rest(folder: Path | None, *, fleet: bool) -> Iterator[Finding]:
    """Whether text is encrypted where it lies, and who else could read the keys."""
    if folder is None:
        told = "readable in topics and database: set XUNQUN_KEYS to a folder that all processes share, and nobody else"
        yield Finding("note", "text at rest", told)
    elif fleet and not is_founded(folder):
        told = f"{folder} is not the folder of a fleet's keys: mount the shared one, or for a new fleet call `xunqun keys init`"
        yield Finding("wrong", "text at rest", told)
    elif folder.is_dir() and (open_ones := exposed(folder)):
        told = f"{open_ones[0]} and {len(open_ones) - 1} more are open to others: chmod -R go= {folder}"
        yield Finding("wrong", "text at rest", told)
    else:
        yield Finding("ok", "text at rest", f"encrypted, keys in {folder}: no backup of other data may hold it")


def _fleet(settings: Settings) -> list[Finding]:
    from streams.http import run

    try:
        from streams.fleet.probe import look
    except ModuleNotFoundError as error:
        raise LoadError("looking at a fleet needs its packages: pip install 'xunqun[fleet]'") from error
    return run(look(settings))


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _LEAST_PYTHON:
        return Finding("wrong", "python", f"{found}: install 3.11 or newer")
    return Finding("ok", "python", found)


def _connections(settings: Settings) -> Iterator[Finding]:
    """Whether what leaves this machine is encrypted, and for how long certificates hold."""
    ways = {
        "XUNQUN_KAFKA": "set XUNQUN_KAFKA_SECURITY to sasl_tls or tls",
        "XUNQUN_REDIS": "write rediss://",
        "XUNQUN_DATABASE": "write ?sslmode=verify-full behind it",
    }
    outside = {name for name, host in open_parts(settings) if not is_loopback(host)}
    for name in sorted(outside):
        yield Finding("wrong", "encryption", f"{name} is spoken to openly over the network: {ways[name]}")
    if not outside:
        yield Finding("ok", "encryption", "nothing of ours leaves this machine unencrypted")
    for name, path in (("XUNQUN_TLS_CERT", settings.tls_cert), ("XUNQUN_TLS_CA", settings.tls_ca)):
        ends = certificate_ends(path) if path else None
        if ends is None:
            continue
        left = (ends - datetime.now(UTC)).days
        if left < 0:
            yield Finding("wrong", "certificate", f"{name} has expired on {ends:%Y-%m-%d}: have a new one issued")
        elif left < _SOON_DAYS:
            yield Finding("note", "certificate", f"{name} ends on {ends:%Y-%m-%d}: have a new one issued, then restart")


def _secrets(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Who may read the files of secrets."""
    for name, path in secret_files(environment).items():
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            yield Finding("wrong", "secret file", f"{name}: {path} cannot be looked at: {error.strerror}")
            continue
        if mode & 0o007:
            yield Finding("wrong", "secret file", f"{name}: anybody here may read {path}: chmod 600 {path}")
        elif mode & 0o020:
            yield Finding("wrong", "secret file", f"{name}: its group may change {path}: chmod 640 {path}")


def _files(settings: Settings) -> Iterator[Finding]:
    fleet = Fleet()
    try:
        fleet = fleet_from(settings.fleet)
        told = f"{len(fleet.people)} people, {len(fleet.groups)} groups"
        yield Finding(
            "ok" if settings.fleet else "note", "fleet", told if settings.fleet else "none given: baseline observes"
        )
    except LoadError as error:
        yield Finding("wrong", "fleet", str(error))
    try:
        packs = packs_from(settings.packs, fleet)
        yield Finding("ok", "packs", ", ".join(f"{slug} {pack.version}" for slug, pack in sorted(packs.items())))
        yield from standing(fleet, packs, time.time_ns() // 1_000_000)
    except LoadError as error:
        yield Finding("wrong", "packs", str(error))
    try:
        words = [word for one in lists_from(settings.lists) for word in one.words]
        over = sum(one.ends is not None and one.ends <= time.time_ns() // 1_000_000 for one in words)
        yield Finding("ok", "word lists", f"{len(words):,} words, of which {over:,} count no longer")
    except LoadError as error:
        yield Finding("wrong", "word lists", str(error))
    try:
        model = Model.load(model_folder(settings.model, settings.registry))
        yield Finding("ok", "weights", f"{settings.model}: {model.version}, {', '.join(model.categories)}")
    except ModelUnavailable as error:
        yield Finding("wrong", "weights", f"{error} Until then these categories are reported as unavailable.")
    if settings.model == "default" and (trouble := in_force(settings.registry).trouble):
        yield Finding("wrong", "promoted weights", trouble)


def standing(fleet: Fleet, packs: Mapping[str, Pack], now: Millis) -> Iterator[Finding]:
    """What keeps groups from being moderated as their mode says, and what a fine would rest on."""
    calendar = WorkingCalendar(fleet.settings.timezone, fleet.settings.working_hours)
    used = {group.pack or fleet.settings.default_pack for group in fleet.groups} or {fleet.settings.default_pack}
    for slug in sorted(used):
        blind = sorted({row.clause for row in cover(packs[slug]) if row.state == "blind"})
        if blind:
            yield Finding("note", f"pack {slug}", f"bound but blind (no detector or list yet): {', '.join(blind)}")
    for group in fleet.groups:
        pack = packs[group.pack or fleet.settings.default_pack]
        if group.mode == "enforce" and pack.status.stage != "adopted":
            yield Finding(
                "note", f"group {group.id}", f"enforce is refused: pack {pack.pack} is {pack.status.stage}; drafts only"
            )
        if group.mode == "enforce" and not was_told(group, now, calendar):
            told = "members were not told that it is monitored, so nothing leaves but drafts"
            way = "post docs/notice-of-monitoring.md there and set the fact monitoring_notice_at"
            yield Finding("note", f"group {group.id}", f"{told}: {way}")
    fines = fleet.settings.fines
    if fines.enabled and not fines.basis:
        yield Finding(
            "wrong",
            "fines",
            "enabled without a basis, so they stay off: write into settings.fines.basis what they rest on",
        )


def _store(settings: Settings) -> Iterator[Finding]:
    if settings.dir.exists() and not settings.dir.is_dir():
        yield Finding("wrong", "store", f"{settings.dir} is a file: name a folder with --dir or XUNQUN_DIR")
        return
    free = shutil.disk_usage(settings.dir if settings.dir.exists() else ".").free
    state: Literal["ok", "wrong"] = "ok" if free > _LEAST_FREE else "wrong"
    yield Finding(
        state, "disk", f"{free >> 20} MiB free" + ("" if state == "ok" else ": make room, or posts will be refused")
    )
    path = settings.dir / "xunqun.db"
    if not path.exists():
        yield Finding("note", "store", f"{path} does not exist yet; `xunqun run` makes it")
        return
    try:
        store = Store(path)
    except StoreUnavailable as error:
        yield Finding("wrong", "store", str(error))
        return
    try:
        found = desk.status(store)
    finally:
        store.close()
    yield from told_of_cases(found)


def told_of_cases(found: Mapping[str, Any]) -> Iterator[Finding]:
    """What `desk.status` tells of the views, for people."""
    yield Finding("ok", "store", f"{found['verdicts']} verdicts, {found['groups']} groups seen")
    for one in found["unknown_groups"]:
        yield Finding(
            "note", "unknown group", f"{one['key']} {one['name']}: judged by baseline in observe; add it to the fleet"
        )
    if found["dead_letters"]:
        yield Finding("note", "dead letters", f"{found['dead_letters']}: see `xunqun deadletters list`")
    if found["unmeasured"]:
        told = "observations could not be measured; they are screened again when the classifier is back"
        yield Finding("note", "unmeasured", f"{found['unmeasured']} {told}")
    for scope, why in found["brakes"].items():
        option = "--all" if scope == "all" else f"--{scope.replace(':', ' ', 1)}"
        told = f"{scope}: {why}; see `xunqun review list --kind late`, then `xunqun resume {option}`"
        yield Finding("wrong", "brake", told)
    for one in found["paused"]:
        if one["scope"] not in found["brakes"]:
            yield Finding("note", "paused", f"{one['scope']} by {one['by']}: {one['reason']}")
    waiting = sum(found["reviews_open"].values())
    if waiting:
        yield Finding("note", "reviews", f"{waiting} wait for a person: see `xunqun review list`")


def _settings(settings: Settings) -> Iterator[Finding]:
    loopback = is_loopback(settings.host)
    if not settings.webhook_secrets:
        state: Literal["note", "wrong"] = "note" if loopback else "wrong"
        yield Finding(state, "webhook_secrets", "none: unsigned posts are taken, from loopback only")
    if not settings.api_token:
        yield Finding("note", "api_token", "none: review calls over HTTP are refused; the command line works")
    if not settings.sealed_key:
        told = "none: the door of a fleet refuses reports and messages with a secrecy marking"
        yield Finding("note", "sealed_key", told)
    if settings.action_url and not _is_encrypted(settings.action_url):
        told = "actions, which name people, are posted openly over the network: write https://"
        yield Finding("wrong", "action_url", told)
    if not settings.action_url:
        yield Finding("note", "action_url", "none: actions are simulated and nothing is sent")
    elif not settings.action_secret:
        yield Finding("wrong", "action_secret", "actions are posted signed: set XUNQUN_ACTION_SECRET")


def _is_encrypted(url: str) -> bool:
    address = urlsplit(url)
    return address.scheme == "https" or is_loopback(address.hostname or "")
