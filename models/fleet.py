"""Who there is and which groups there are: the form of `fleet.yaml`."""

from typing import Any, Literal

from msgspec import Struct, field

GroupMode = Literal["observe", "advise", "enforce"]


class Account(Struct, frozen=True):
    """One account of a person on one platform."""

    platform: str
    id: str


class Person(Struct, frozen=True, kw_only=True):
    """Somebody in the directory. Dates are `YYYY-MM-DD` or milliseconds, as they were filled in."""

    id: str
    name: str
    department: str | None = None
    unit: str | None = None
    post: str | None = None
    status: str = "active"
    joined_at: Any = None
    left_at: Any = None
    transferred_at: Any = None
    tags: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    supervisor: str | None = None


class Group(Struct, frozen=True, kw_only=True):
    """A group under moderation. People are named by their directory ids."""

    id: str
    platform: str = "jsonl"
    name: str = ""
    pack: str | None = None
    type: str | None = None
    status: str = "approved"
    mode: GroupMode = "observe"
    approvals: dict[str, Literal["required", "automatic"]] = {}
    owner: str | None = None
    managers: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    facts: dict[str, Any] = {}


class Fines(Struct, frozen=True, kw_only=True):
    """Fines stay off until the tenant turns them on with a written basis."""

    enabled: bool = False
    basis: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """What holds for the whole fleet."""

    timezone: str = "Asia/Shanghai"
    working_hours: str = "09:00-18:00"
    default_pack: str = "baseline"
    fines: Fines = field(default_factory=Fines)


class Fleet(Struct, frozen=True, kw_only=True):
    """Everything that `fleet.yaml` says."""

    people: tuple[Person, ...] = ()
    groups: tuple[Group, ...] = ()
    settings: Settings = field(default_factory=Settings)
