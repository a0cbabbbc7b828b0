"""The product with a short lease of actions in hand, so that a run need not wait minutes for what a killed process held.

CHAOS_ONCE=1: the connector says that no call may be repeated.
"""

import os

from connectors.webhook import WebhookActuator
from streams.cases.postgres import Cases
from streams.cli import main
from streams.fleet import worker

# A call may take ten seconds.
Cases.lease = 12_000
worker._RECOVER_SECONDS = 2.0
if os.environ.get("CHAOS_ONCE"):
    WebhookActuator.idempotent = lambda self, call: False
main()
