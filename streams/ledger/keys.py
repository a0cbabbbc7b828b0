"""The names of all that a fleet keeps in Redis."""

from dataclasses import dataclass

# The agent whose states are ledgers, and whose decisions are kept.
LEDGERS = "escalate"


@dataclass(frozen=True, slots=True)
class Keys:
    """Braces keep all of one subject or group together. Only what people name, the last part, may hold any character."""

    prefix: str

    @property
    def marker(self) -> str:
        """There if the state is complete; holds the least version that is given from now on."""
        return f"{self.prefix}:complete"

    @property
    def lock(self) -> str:
        """Who rebuilds."""
        return f"{self.prefix}:rebuilding"

    def state(self, agent: str, key: str) -> str:
        return f"{self.prefix}:{agent}:{{{key}}}"

    def ledger(self, subject: str) -> str:
        return self.state(LEDGERS, subject)

    def decision(self, subject: str, record: str) -> str:
        return f"{self.prefix}:{LEDGERS}:{record}:{{{subject}}}"

    def lease(self, name: str) -> str:
        return f"{self.prefix}:lease:{name}"

    def dues(self, partition: int) -> str:
        return f"{self.prefix}:due:{partition}"
