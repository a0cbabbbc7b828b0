"""What is remembered of one group between observations, and the view of the group that follows from it."""

from collections.abc import Callable, Sequence, Set
from typing import Any, cast

from msgspec import Raw, Struct, field

from models import Fleet, Group
from models.observation import Millis, Observation
from policies.deadlines import Deadlines
from policies.directory import Directory


class StandingFault(Struct, kw_only=True):
    """A fault of state that counts once until it is mended; `times` it has come about, this time included."""

    violation_id: str
    since: Millis
    times: int = 1
    open: bool = True


class GroupState(Struct, kw_only=True, omit_defaults=True):
    """Everything remembered of one group. Encoded as one value under the key of the group.

    `audited_on` is the local day of the last look at all standing faults.
    `roles` were changed before our eyes; `shown_roles` is whom messages show as owner or administrator, which the fleet may
    not know. `invited` says who invited whom, `brought` who put which stranger into the group.
    `watched_since` is when a rule that minds the group's age first saw it. `last_message_on` is a local day, and the bits of
    `message_days` are the days up to it on which somebody wrote, the lowest that day itself; kept only for rules that ask.
    `lately` is what rules count that look at several messages, by its name: when, who, and which message or file.
    `stated` is when a fact was stated; `counted` from when a recurring duty counts, by its fact. `spoke` is when a member
    spoke, to the hour; `objected` when management told somebody to stop or to stay; both only where a rule asks for them.
    """

    audited_on: str = ""
    name: str | None = None
    owner: str | None = None
    dissolved_at: Millis | None = None
    joined: dict[str, Millis] = field(default_factory=dict)
    left: dict[str, Millis] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    shown_roles: dict[str, str] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    _deadlines: dict[str, list[Raw]] = field(default_factory=dict, name="deadlines")
    faults: dict[str, StandingFault] = field(default_factory=dict)
    invited: dict[str, str] = field(default_factory=dict)
    brought: dict[str, str] = field(default_factory=dict)
    notices: dict[str, Any] = field(default_factory=dict)
    episodes: dict[str, Millis] = field(default_factory=dict)
    stated: dict[str, Millis] = field(default_factory=dict)
    counted: dict[str, Millis] = field(default_factory=dict)
    spoke: dict[str, Millis] = field(default_factory=dict)
    objected: dict[str, Millis] = field(default_factory=dict)
    last_speaker: str | None = None
    watched_since: Millis = 0
    last_message_on: str = ""
    message_days: int = 0
    lately: dict[str, list[tuple[Millis, str, str]]] = field(default_factory=dict)

    @property
    def deadlines(self) -> Deadlines:
        return Deadlines(cast(dict[str, list[Any]], self._deadlines))

    def keep(self, what: str, happened: list[tuple[Millis, str, str]]) -> None:
        """Remember what a rule counts, oldest first; what is empty takes no room. The rule says how much is enough."""
        if happened:
            self.lately[what] = happened
        else:
            self.lately.pop(what, None)


_ROLES = {"admin": "administrator", "管理员": "administrator", "群主": "owner"}


class GroupView:
    """A group as it stands now: what the fleet says, changed by what the stream has shown since.

    `known`: the fleet lists the group.
    """

    def __init__(self, group: Group, state: GroupState, *, known: bool = True) -> None:
        self.group = group
        self.known = known
        self.state = state

    @property
    def key(self) -> str:
        return f"{self.group.platform}:{self.group.id}"

    def is_of(self, types: Sequence[str], but: Sequence[str] = ()) -> bool:
        """Say whether the group is of one of the types (of any, where none is named) and of none in `but`."""
        if not types and not but:
            return True
        own = _plain_type(self.group.type or "")
        return (not types or own in map(_plain_type, types)) and own not in map(_plain_type, but)

    @property
    def owner(self) -> str | None:
        return self.state.owner or self.group.owner

    @property
    def name(self) -> str:
        return self.state.name if self.state.name is not None else self.group.name

    @property
    def administrators(self) -> set[str]:
        given = {one for one, role in self.state.roles.items() if role == "administrator"}
        taken = {one for one, role in self.state.roles.items() if role == "member"}
        return (set(self.group.administrators) | given) - taken

    @property
    def members(self) -> set[str]:
        listed = {*self.group.members, *self.group.managers, *self.group.administrators}
        if self.group.owner:
            listed.add(self.group.owner)
        gone = {one for one, at in self.state.left.items() if at >= self.state.joined.get(one, 0)}
        return (listed | set(self.state.joined)) - gone

    def role(self, subject: str, shown: str | None = None) -> str:
        """Say a person's role; the fleet's entry wins over what the platform showed."""
        group = self.group
        if subject == self.owner:
            return "owner"
        if subject in group.managers:
            return "manager"
        given = self.state.roles.get(subject)
        if given == "administrator" or (given is None and subject in group.administrators):
            return "administrator"
        if shown is not None and not group.owner and not group.administrators:
            role = _ROLES.get(shown, shown)
            return role if role in ("owner", "administrator") else "member"
        return "member"

    @property
    def facts(self) -> dict[str, Any]:
        """What is on file and what was stated since. Facts about one person are named `name:person`."""
        return {**self.group.facts, **self.state.facts}

    def fact(self, name: str) -> Any:
        return self.state.facts.get(name, self.group.facts.get(name))


def _plain_type(written: str) -> str:
    """Give a type of groups without what people add or leave out: 临时工作群 and 临时, Company and company."""
    plain = written.strip().lower()
    for ending in ("_group", " group", "群", "微信", "工作", "级", "类"):
        plain = plain.removesuffix(ending) or plain
    return plain


def remember(state: GroupState, seen: Observation, sender: str | None, now: Millis, directory: Directory) -> bool:
    """Bring the state up to an observation of `sender`, before anything is judged on it.

    True where a member, nickname or role is new.
    """
    if seen.is_message:
        return sender is not None and _meet(state, seen, sender, now, directory)
    target = directory.subject(seen.platform, seen.target.id) if seen.target else None
    change = seen.change
    match seen.type:
        case "member.invited" if target and sender:
            state.invited[target] = sender
        case "member.joined" if target or sender:
            # Who joins by himself may stand as the sender alone.
            joiner = target or sender or ""
            state.joined[joiner] = now
            state.left.pop(joiner, None)
            if sender and sender != joiner and directory.is_stranger(joiner):
                state.brought[joiner] = sender
        case "member.left" | "member.removed" if target or sender:
            gone = target or sender or ""
            state.left[gone] = now
            state.joined.pop(gone, None)
            state.invited.pop(gone, None)
            state.brought.pop(gone, None)
        case "member.renamed" if change and change.new is not None:
            who = target or sender
            if who and change.field in (None, "card", "name"):
                state.cards[who] = change.new
        case "member.role_changed" if target and change and change.new:
            role = _ROLES.get(change.new, change.new)
            state.roles[target] = role
            if role == "owner":
                state.owner = target
        case "group.owner_changed":
            named = directory.subject(seen.platform, change.new) if change and change.new else None
            state.owner = target or named or state.owner
        case "group.renamed":
            name = change.new if change else None
            state.name = name if name is not None else (seen.group.name if seen.group else None) or state.name
        case "group.dissolved":
            state.dissolved_at = now
        case "task.stated" if seen.fact:
            about = whom(directory, seen.platform, seen.fact.person) if seen.fact.person else None
            key = f"{seen.fact.name}:{about}" if about else seen.fact.name
            state.facts[key] = seen.fact.value if seen.fact.value is not None else (seen.fact.at or now)
            state.stated[key] = now
        case "policy.acknowledged" if sender:
            state.facts[f"policy_acknowledged:{sender}"] = now
        case "member.erased" if seen.target and target:
            forget(state, {target, seen.target.id, f"{seen.platform}:{seen.target.id}"})
        case _:
            pass
    return seen.type == "member.renamed"


# Fields that are kept by person; some name another one as well.
_BY_PERSON = ("joined", "left", "roles", "shown_roles", "cards", "invited", "brought", "notices", "spoke", "objected")
_OF_TWO = ("invited", "brought")
# Fields whose keys end with a person, behind a sign.
_ENDING = {"facts": ":", "stated": ":", "counted": ":", "faults": "|"}


def forget(state: GroupState, people: Set[str]) -> dict[str, Any]:
    """Take a person out of all that is remembered of a group; what was taken, by field.

    `people` are the ids by which the person may stand there. A deadline that names him ends: whoever else it waited for is
    spared a reminder, and nobody is reminded who had answered.
    """
    taken: dict[str, Any] = {}

    def take(name: str, is_of: Callable[[str, Any], bool]) -> None:
        kept: dict[str, Any] = getattr(state, name)
        if gone := {key: value for key, value in kept.items() if is_of(key, value)}:
            taken.setdefault(name, {}).update(gone)
            setattr(state, name, {key: value for key, value in kept.items() if key not in gone})

    for name in _BY_PERSON:
        take(name, lambda key, _: key in people)
    for name in _OF_TWO:
        take(name, lambda _, other: other in people)
    for name, sign in _ENDING.items():
        endings = tuple(f"{sign}{one}" for one in people)
        take(name, lambda key, _, endings=endings: key.endswith(endings))  # type: ignore[misc]
    take("episodes", lambda key, _: not people.isdisjoint(key.split("|")))
    for name in ("owner", "last_speaker"):
        if getattr(state, name) in people:
            taken[name] = getattr(state, name)
            setattr(state, name, None)
    for what, some in list(state.lately.items()):
        if own := [one for one in some if one[1] in people]:
            taken.setdefault("lately", {})[what] = own
            state.keep(what, [one for one in some if one[1] not in people])
    for place, one in state.deadlines:
        if one.subject in people or one.cause in people or _names(one.data, people):
            taken.setdefault("deadlines", []).append(one)
            state.deadlines.end(place, one)
    state.facts = {key: _without(value, people) for key, value in state.facts.items()}
    return taken


def _names(value: Any, people: Set[str]) -> bool:
    if isinstance(value, dict):
        return any(_names(one, people) for one in value.values())
    if isinstance(value, list):
        return any(_names(one, people) for one in value)
    return isinstance(value, str) and any(value == one or value.endswith(f"|{one}") for one in people)


def _without(value: Any, people: Set[str]) -> Any:
    """What a fact says, without whom it names."""
    if isinstance(value, dict):
        return {name: _without(one, people) for name, one in value.items()}
    return None if isinstance(value, str) and value in people else value


def whom(directory: Directory, platform: str, named: str) -> str:
    """Whom a stated fact is about: people name somebody by his account, or as the directory does."""
    return named if named in directory.people else directory.subject(platform, named)


def _meet(state: GroupState, seen: Observation, who: str, now: Millis, directory: Directory) -> bool:
    """Note what a message shows of its sender: that he is in the group, his nickname, his role."""
    shown = seen.sender
    if shown is None or shown.scope == "robot":
        return False
    new = False
    unlisted = directory.people and who not in directory.people and who not in state.joined
    if (unlisted or who in state.left) and state.left.get(who, -1) < now:
        state.joined[who] = now
        state.left.pop(who, None)
        new = True
    # Where no nickname is set, platforms show the name of the account instead.
    card = shown.card or (shown.name or "" if shown.card is not None else None)
    if card is not None and state.cards.get(who) != card:
        state.cards[who] = card
        new = True
    if shown.role is not None:
        role = _ROLES.get(shown.role, shown.role)
        if role not in ("owner", "administrator"):
            new = state.shown_roles.pop(who, None) is not None or new
        elif state.shown_roles.get(who) != role:
            state.shown_roles[who] = role
            new = True
    return new


def group_of(seen: Observation, directory: Directory) -> tuple[Group, bool]:
    """Give the group of an observation and whether the fleet knows it; an unknown one is judged by the default pack."""
    known = directory.group(seen)
    if known is not None:
        return known, True
    assert seen.group is not None
    return Group(id=seen.group.id, platform=seen.platform, name=seen.group.name or "", mode="observe"), False


def pack_name(group: Group, fleet: Fleet) -> str:
    return group.pack or fleet.settings.default_pack
