"""Says to Prometheus where this process is scraped: a file in a folder that it watches (`file_sd`)."""

import contextlib
import ipaddress
import json
import os
from collections.abc import Iterator
from pathlib import Path

from streams.errors import LoadError


@contextlib.contextmanager
def announced(folder: Path | None, role: str, host: str, port: int) -> Iterator[None]:
    """While this lasts and in no longer than that, unless the process is killed: then it stays listed, and is missed.

    LoadError where the folder cannot be written. Without a folder nothing is announced.
    """
    if folder is None:
        yield
        return
    place = f"{_reachable(host)}:{port}"
    path = folder / f"{role}-{port}.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps([{"targets": [place], "labels": {"job": "xunqun", "role": role}}]) + "\n")
        # In one step: whoever reads it finds all of it.
        fresh.replace(path)
    except OSError as error:
        raise LoadError(
            f"XUNQUN_TARGETS: {folder} cannot be written ({error.strerror}); name a folder that Prometheus watches"
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _reachable(host: str) -> str:
    """The address under which a process on this machine is found that listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"
