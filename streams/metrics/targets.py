"""Says to Prometheus where this process is scraped: a file in a folder that it watches (`file_sd`)."""

import contextlib
import ipaddress
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from streams.errors import LoadError


@contextlib.contextmanager
def announced(folder: Path | None, role: str, host: str, port: int, *, door: int | None = None) -> Iterator[None]:
    """While this lasts and no longer, unless the process breaks or is killed: then it stays listed, and is missed.

    Those who share the port `door` are scraped at free ones: who was killed behind it is forgotten by who comes next.
    LoadError where the folder cannot be written. Without a folder nothing is announced.
    """
    if folder is None:
        yield
        return
    place = f"{_reachable(host)}:{port}"
    kind = role if door is None else f"{role}-{door}"
    path = folder / f"{kind}-{port}.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if door is not None:
            for left in folder.glob(f"{kind}-*.json"):
                if not _answers(host, int(left.stem.rpartition("-")[2])):
                    left.unlink(missing_ok=True)
        fresh.write_text(json.dumps([{"targets": [place], "labels": {"job": "xunqun", "role": role}}]) + "\n")
        # In one step: whoever reads it finds all of it.
        fresh.replace(path)
    except OSError as error:
        raise LoadError(
            f"XUNQUN_TARGETS: {folder} cannot be written ({error.strerror}); name a folder that Prometheus watches"
        ) from error
    yield
    path.unlink(missing_ok=True)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _reachable(host: str) -> str:
    """The address under which a process on this machine is found that listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"
