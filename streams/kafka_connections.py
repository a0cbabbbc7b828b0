"""Imported for what it mends: aiokafka on uvloop's connections. Everything that speaks to Kafka imports it."""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_write = AIOKafkaConnection.send


def _send(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    # Of a connection that was lost a moment ago uvloop raises RuntimeError, where asyncio's own loop has OSError, the only one
    # that aiokafka knows: the task that looks for brokers would end, and nothing be read or sent ever again.
    try:
        return _write(self, request, expect_response)
    except RuntimeError as error:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error


AIOKafkaConnection.send = _send
