"""Imported for what it mends: aiokafka on uvloop's connections. Everything that speaks to Kafka imports it."""

import logging
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_write = AIOKafkaConnection.send
_hang_up = AIOKafkaConnection.close


def _send(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    # Of a connection that was lost a moment ago uvloop raises RuntimeError, where asyncio's own loop has OSError, the only one
    # that aiokafka knows: the task that looks for brokers would end, and nothing be read or sent ever again.
    try:
        return _write(self, request, expect_response)
    except RuntimeError as error:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error


def _close(self: AIOKafkaConnection, reason: Any = None, exc: BaseException | None = None) -> Any:
    # Over TLS uvloop takes leave of the broker and may wait 30 s for an answer: each consumer that reads back would end so late.
    # Nothing is lost by hanging up: aiokafka waits for the answer to all that it sends.
    writer = self._writer if self._reader is not None else None
    closed = _hang_up(self, reason, exc)
    if writer is not None and self._ssl_context is not None:
        writer.transport.abort()
    return closed


AIOKafkaConnection.send = _send
AIOKafkaConnection.close = _close
# At DEBUG it writes what proves a password, with PLAIN the password itself.
logging.getLogger("aiokafka.conn").setLevel(logging.INFO)
