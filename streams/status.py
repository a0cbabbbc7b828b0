"""The status page: what a process says of itself to people who open its port in a browser. Ids, counts and times only."""

import hashlib
import re
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final

from streams.metrics import Metrics
from streams.metrics.recording import program_version

_STYLE = (
    ":root{color-scheme:light dark;--ink:#1c2733;--ground:#fff;--line:#dde3ea;--soft:#5a6876;--link:#0b5cad}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--ground:#12181f;--line:#2f3a46;--soft:#9aa7b5;--link:#7db7f5}}"
    "body{font:16px/1.6 system-ui,'PingFang SC','Microsoft YaHei',sans-serif;max-width:52rem;margin:1.5rem auto;"
    "padding:0 1rem;color:var(--ink);background:var(--ground)}h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
    "table{border-collapse:collapse;width:100%;table-layout:fixed}th,td{text-align:left;padding:.25rem .6rem .25rem 0;"
    "border-bottom:1px solid var(--line);font-weight:400;vertical-align:top;overflow-wrap:anywhere}"
    "th{color:var(--soft);width:38%}td{font-variant-numeric:tabular-nums}a{color:var(--link)}"
    ".yes,.no{padding:.1rem .6rem;border-radius:.3rem;color:#fff}.yes{background:#17693a}.no{background:#a3221b}"
)
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# What may stand on the page: ids, versions, times. Anything else could be somebody's words or name.
_ID = re.compile(r"[A-Za-z0-9_.:@/+-]{1,120}")
_PARTS: Final = {"pack": "制度包", "lists": "词表", "model": "权重", "shadow": "影子"}
_PROCESSES: Final = {"run": "单进程", "worker": "工作进程", "ingest": "接入进程"}


@dataclass(frozen=True)
class Standing:
    """How a process stands: what the page shows beside counts. Times in seconds since 1970."""

    process: str
    began: float
    worker: str = ""
    roles: Sequence[str] = ()
    #: By agent: how many partitions it owns here, None where there are none to own, and how many records wait.
    agents: Mapping[str, tuple[int | None, int]] = field(default_factory=dict)
    #: Part, name and version of what is in force, and the shadow beside it.
    editions: Sequence[tuple[str, str, str]] = ()
    shadow: str | None = None
    #: The parts that are away.
    away: Iterable[str] = ()
    ticked: float | None = None


def ticked(metrics: Metrics) -> float | None:
    """When this process last wrote a tick of the clock."""
    return metrics.registry.get_sample_value("xunqun_tick_timestamp_seconds") or None


def page(ready: bool, reasons: Sequence[str], standing: Standing, counts: Mapping[str, Any]) -> str:
    """Whether it works and why not, how it stands, then `counts`: one table for each nested part."""
    mark = '<span class="yes">正常</span>' if ready else '<span class="no">未就绪</span>'
    why = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>巡群 Xunqun</title><style>{_STYLE}</style></head><body>"
        f"<h1>巡群 Xunqun {mark}</h1>{f'<ul>{why}</ul>' if why else ''}{_tables(standing, counts)}"
        '<p><a href="/metrics">metrics</a> · <a href="/ready">ready</a> · <a href="/live">live</a></p></body></html>'
    )


def _tables(standing: Standing, counts: Mapping[str, Any]) -> str:
    now = time.time()
    rows: list[tuple[str, str]] = [
        ("进程", f"{_PROCESSES.get(standing.process, '')} {shown(standing.process)}"),
        ("版本", shown(program_version())),
        ("已运行", f"{_span(now - standing.began)}（自 {_time(standing.began)}）"),
        ("不可用的部件", shown(list(standing.away))),
    ]
    if standing.roles:
        rows.insert(1, ("角色", shown(standing.roles)))
    if standing.worker:
        rows.insert(1, ("名称", shown(standing.worker)))
    if standing.process != "ingest":
        ticked = f"{_span(now - standing.ticked)}前（{_time(standing.ticked)}）" if standing.ticked else "–"
        rows.append(("最近一次时钟", ticked))
    owned = any(partitions is not None for partitions, _ in standing.agents.values())
    agents = [
        (shown(name), *([shown(partitions)] if owned else ()), shown(waiting))
        for name, (partitions, waiting) in standing.agents.items()
    ]
    editions = [
        (_PARTS.get(part, escape(part)), shown(name), shown(of or None)) for part, name, of in standing.editions
    ]
    if standing.shadow:
        editions.append((_PARTS["shadow"], shown(standing.shadow), "–"))
    heads = ("角色", *(["分区"] if owned else ()), "待处理记录")
    return (
        _table("本进程", (), rows)
        + _table("各角色", heads, agents)
        + _counts(counts)
        + _table("生效版本", ("部分", "名称", "版本"), editions)
    )


def _counts(counts: Mapping[str, Any]) -> str:
    rows = {name: value for name, value in counts.items() if not isinstance(value, Mapping)}
    parts = [("运行状态", rows), *((name, value) for name, value in counts.items() if isinstance(value, Mapping))]
    return "".join(
        _table(
            shown(name) if name in counts else name,
            (),
            # Why a brake holds is a sentence of our own, of numbers and a setting's name.
            [(shown(key), escape(value) if name == "brakes" else shown(value)) for key, value in part.items()],
        )
        for name, part in parts
    )


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already; nothing where there are no rows."""
    if not rows:
        return ""
    head = "<tr>" + "".join(f'<th scope="col">{one}</th>' for one in heads) + "</tr>" if heads else ""
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{one}</td>" for one in others) + "</tr>"
        for first, *others in rows
    )
    return f"<h2>{title}</h2><table>{head}{body}</table>"


def shown(value: Any) -> str:
    """A value as HTML; words that are no id become an ellipsis."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return escape(f"{value:,}" if isinstance(value, int) else f"{value:.3g}")
    if isinstance(value, str):
        return escape(value) if _ID.fullmatch(value) else "…"
    if isinstance(value, Mapping):
        return " · ".join(f"{shown(key)} {shown(one)}" for key, one in value.items()) or "–"
    if isinstance(value, Sequence | set | frozenset):
        return ", ".join(shown(one) for one in list(value)[:100]) or "–"
    return "…"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="seconds")


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} 天 {hours} 小时"
    return f"{hours} 小时 {minutes} 分" if hours else f"{minutes} 分 {whole % 60} 秒" if minutes else f"{whole} 秒"
