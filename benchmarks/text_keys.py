"""What keeping text encrypted costs a message, beside Fernet and AES-GCM with random nonces.

    python benchmarks/text_keys.py [--messages 20000] [--rounds 7] [--json]

Observations of some 300 bytes, as connectors post them. `encrypt_us` and `decrypt_us` are `DayKeys` with keys in a folder, 50
days at hand; `fernet_*` is the recipe of `cryptography` (AES-128-CBC and HMAC, in base64), `gcm_*` the bare cipher with a nonce
from the system. `bytes` is what each stores for a message. CPU time; each round asks all three in an order that rotates, and a
figure is the median over the rounds.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from rich.console import Console
from rich.table import Table

from streams.text_keys import DAY, DayKeys

DAYS, START = 50, 1_795_000_000_000


def observations(count: int) -> list[bytes]:
    """Bodies that differ, as long as those of a chat in Chinese."""
    said = "明天上午的评审改到三楼小会议室，资料请大家提前看一下，有问题先在群里说"
    return [
        json.dumps(
            {
                "v": 1, "id": f"webhook-{number:012}", "type": "message.created", "platform": "webhook", "kind": "text",
                "group": {"id": f"g{number % 97}"}, "sender": {"id": f"a{number % 1009}", "card": "研发-王建国"},
                "sent_at": START + number, "text": f"{said}{number}",
            },
            ensure_ascii=False,
        ).encode()
        for number in range(count)
    ]  # fmt: skip


def ours(folder: Path) -> tuple[Callable[[int, bytes], bytes], Callable[[bytes], bytes]]:
    keys = DayKeys(folder, "text")
    return lambda number, body: keys.encrypt(body, START + number % DAYS * DAY), keys.decrypt


def fernet() -> tuple[Callable[[int, bytes], bytes], Callable[[bytes], bytes]]:
    cipher = Fernet(Fernet.generate_key())
    return lambda number, body: cipher.encrypt(body), cipher.decrypt


def gcm() -> tuple[Callable[[int, bytes], bytes], Callable[[bytes], bytes]]:
    cipher = AESGCM(AESGCM.generate_key(256))

    def encrypt(number: int, body: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + cipher.encrypt(nonce, body, None)

    return encrypt, lambda stored: cipher.decrypt(stored[:12], stored[12:], None)


def timed(work: Callable[[], Any], count: int) -> tuple[float, Any]:
    began = time.process_time()
    found = work()
    return (time.process_time() - began) / count * 1e6, found


def measure(messages: int, rounds: int) -> dict[str, float]:
    bodies = observations(messages)
    seen: dict[str, list[float]] = {}
    sizes: dict[str, float] = {"plain_bytes": statistics.mean(map(len, bodies))}
    with tempfile.TemporaryDirectory() as folder:
        ways = [("", ours(Path(folder))), ("fernet_", fernet()), ("gcm_", gcm())]
        for number in range(rounds):
            for name, (encrypt, decrypt) in ways[number % 3 :] + ways[: number % 3]:
                took, stored = timed(lambda f=encrypt: [f(n, body) for n, body in enumerate(bodies)], messages)
                seen.setdefault(f"{name}encrypt_us", []).append(took)
                took, read = timed(lambda f=decrypt, s=stored: [f(one) for one in s], messages)
                seen.setdefault(f"{name}decrypt_us", []).append(took)
                assert read == bodies
                sizes[f"{name}bytes"] = statistics.mean(map(len, stored))
    return {name: round(statistics.median(took), 2) for name, took in seen.items()} | {
        name: round(size) for name, size in sizes.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    given = parser.parse_args(arguments)
    found = measure(given.messages, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    table = Table(title="Text at rest, a message", title_justify="left")
    for name in ("", "encrypt, us", "decrypt, us", "bytes"):
        table.add_column(name)
    for shown, name in (("DayKeys", ""), ("Fernet", "fernet_"), ("AES-GCM, random nonce", "gcm_")):
        table.add_row(shown, *(str(found[f"{name}{one}"]) for one in ("encrypt_us", "decrypt_us", "bytes")))
    Console().print(table)


if __name__ == "__main__":
    main()
