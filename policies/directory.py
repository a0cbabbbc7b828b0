"""Who is who: the fleet's people and groups, made quick to ask."""

from collections import Counter
from collections.abc import Iterable

from models import Fleet, Group, Person
from models.observation import Observation

# Posts whose holders count as leaders when the directory carries no tag `leader`.
LEADER_POSTS = (
    "董事长", "总裁", "总经理", "副总", "总监", "局长", "书记", "院长", "厂长", "处长", "局领导", "公司领导", "领导",
    "党组成员", "总工程师",
)  # fmt: skip


class Directory:
    """The people and groups of a fleet by id, by account and by name.

    Somebody the directory does not know is a stranger; his subject id is `platform:account`, or what the groups call him
    where they list him, so that an owner is an owner before his own entry is made.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.people = {person.id: person for person in fleet.people}
        self.groups = {f"{group.platform}:{group.id}": group for group in fleet.groups}
        self._by_bare_id = {group.id: group for group in fleet.groups}
        self._accounts = {
            (account.platform, account.id): person for person in fleet.people for account in person.accounts
        }
        self._by_name = {person.name: person for person in fleet.people}
        self.names = set(self._by_name)
        self.shared_names = {name for name, people in Counter(one.name for one in fleet.people).items() if people > 1}
        self._leaders = {person.id for person in fleet.people if _leads(person)}
        self.tags = {tag for person in fleet.people for tag in person.tags}
        self._packs: dict[str, set[str | None]] = {}
        for group in fleet.groups:
            for one in (group.owner, *group.managers, *group.administrators, *group.publishers, *group.members):
                if one:
                    self._packs.setdefault(one, set()).add(group.pack)
        self.units = {unit for person in fleet.people for unit in (person.unit, person.department) if unit}

    def group(self, seen: Observation) -> Group | None:
        """Find the group by platform and id; the id alone serves where a file of observations names no platform."""
        found = self.groups.get(seen.group_key)
        if found is None and seen.platform == "jsonl" and seen.group is not None:
            found = self._by_bare_id.get(seen.group.id)
        return found

    def group_key(self, seen: Observation) -> str:
        """The key of the group an observation belongs to: the fleet's, where it lists the group."""
        key = seen.group_key
        if key in self.groups:
            return key
        found = self.group(seen)
        return f"{found.platform}:{found.id}" if found is not None else key

    def person(self, platform: str, account: str) -> Person | None:
        """Find who stands behind an account; a directory id serves as an account of any platform."""
        return self._accounts.get((platform, account)) or self.people.get(account)

    def subject(self, platform: str, account: str) -> str:
        return self.named(platform, account, self.person(platform, account))

    def named(self, platform: str, account: str, person: Person | None) -> str:
        """The subject id of an account of which is known who stands behind it."""
        if person is not None:
            return person.id
        return account if account in self._packs else f"{platform}:{account}"

    def is_leader(self, person: Person | None) -> bool:
        return person is not None and person.id in self._leaders

    def is_stranger(self, subject: str) -> bool:
        person = self.people.get(subject)
        return person is None or "customer" in person.tags

    def called(self, name: str) -> Person | None:
        """Find a person by id or, as people fill in forms, by name."""
        return self.people.get(name) or self._by_name.get(name)

    def packs_of(self, person: str) -> set[str | None]:
        """The packs of all groups that list a person; None for groups without one of their own."""
        return self._packs.get(person, set())

    def active(self) -> Iterable[Person]:
        return (person for person in self.fleet.people if person.status in ("active", "probation"))


def _leads(person: Person) -> bool:
    return "leader" in person.tags or any(post in (person.post or "") for post in LEADER_POSTS)
