"""The names of all that a fleet keeps in Redis."""

from dataclasses import dataclass


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

    def decision(self, agent: str, subject: str, record: str) -> str:
        return f"{self.prefix}:{agent}:{record}:{{{subject}}}"

    def dues(self, partition: int) -> str:
        return f"{self.prefix}:due:{partition}"
