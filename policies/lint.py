"""Reads packs and fleets like a compiler reads programs: every mistake at once, with line, column and a hint."""

import difflib
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from hashlib import blake2b
from pathlib import Path as FilePath
from typing import Any, get_args

import msgspec
import re2

from models import Account, Fleet, Group, Mode, Person, SanctionKind
from models.fleet import Fines, GroupMode, Settings
from models.signal import TRAINED_CATEGORIES
from policies.places import Document, Path, Problem
from policies.rules import RULES
from policies.rules.consequence import PAYERS, ConsequenceParams, FineTerms
from policies.rules.content import NAMES
from policies.schema import Binding, Budget, Clause, Ladder, Pack, Response, Scope, Status

MODES: tuple[str, ...] = get_args(Mode)
SANCTIONS: tuple[str, ...] = get_args(SanctionKind)
# Never automatic in any pack. Source: packs.md, "What a record-only or assisted clause may produce".
NEVER_AUTOMATIC = {
    "illegal_political", "religion", "sensitive_topic", "rumour", "reputation", "infringement", "off_topic", "violence",
    "incitement", "negative_emotion", "leak", "outside_forwarding", "quarrel",
}  # fmt: skip
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
PLACEHOLDERS = {"member", "article", "title", "explanation", "next", "expected", "group", "mend_by"}


class PackError(Exception):
    """A pack or fleet that cannot be used. `problems` holds every mistake found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(one) for one in problems))
        self.problems = list(problems)


def lint(text: str, file: str) -> tuple[Pack | None, list[Problem]]:
    """Check the text of a pack. Gives the pack when there is no mistake, and all problems in the order of the file."""
    document = Document(text, file)
    if isinstance(document.value, dict):
        _check_pack(document)
    elif not document.problems:
        document.report((), "a pack is a mapping with the keys pack, title, source, status and clauses")
    pack = None
    if not document.problems:
        try:
            pack = msgspec.convert(document.value, type=Pack)
            version = blake2b(text.encode(), digest_size=6).hexdigest()
            pack = _without_burdens(msgspec.structs.replace(pack, version=version))
        except msgspec.ValidationError as error:
            document.report(_error_path(str(error)), _plain_error(str(error)))
    return pack, sorted(document.problems, key=lambda one: (one.line, one.column))


# What `profile: government` switches off: chasing receipts and presence, and forced sharing.
_BURDENS = {"receipt:tracking", "presence:online-hours", "share:forced"}
_BURDENSOME = {"deadline.receipt"}


def _without_burdens(pack: Pack) -> Pack:
    """The pack as its profile allows it: bindings that would burden a public office's staff record only, and say why."""
    if pack.profile != "government":
        return pack
    clauses = {
        name: msgspec.structs.replace(clause, bindings=tuple(map(_relieved, clause.bindings)))
        for name, clause in pack.clauses.items()
    }
    return msgspec.structs.replace(pack, clauses=clauses)


def _relieved(binding: Binding) -> Binding:
    burdens = binding.rule in _BURDENSOME or (binding.mechanisms and _BURDENS.issuperset(binding.mechanisms))
    if not burdens or binding.rule is None:
        return binding
    why = "profile: government，机关群不追回执、不查在线、不强制转发"
    return Binding(mode="record-only", covers=binding.covers, because=why)


def load_pack(path: FilePath) -> Pack:
    """Read one pack. PackError lists all mistakes; OSError where the file cannot be read."""
    pack, problems = lint(_text_of(path), _shown(path))
    if pack is None:
        raise PackError(problems)
    return pack


def _text_of(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackError(
            [Problem(str(path), 1, 1, f"not UTF-8 text (byte {error.start})", "save it as UTF-8")]
        ) from error


def shipped_packs() -> dict[str, FilePath]:
    """The packs that come with the product, by slug."""
    return {path.stem: path for path in sorted((FilePath(__file__).parent / "packs").glob("*.yaml"))}


def load_packs(paths: Iterable[FilePath] = ()) -> dict[str, Pack]:
    """Read the shipped packs and those under `paths` (files or folders); one of the tenant's replaces its namesake."""
    return load_files([*shipped_packs().values(), *pack_files(paths)])


def pack_files(paths: Iterable[FilePath]) -> list[FilePath]:
    """The files of packs that `paths` (files or folders) stand for."""
    return [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]


def load_files(files: Iterable[FilePath]) -> dict[str, Pack]:
    """Read packs by slug; a later one replaces its namesake. PackError lists the mistakes of all."""
    found: dict[str, Pack] = {}
    problems: list[Problem] = []
    for path in files:
        try:
            pack = load_pack(path)
            found[pack.pack] = pack
        except PackError as error:
            problems += error.problems
    if problems:
        raise PackError(problems)
    return found


def _shown(path: FilePath) -> str:
    try:
        return str(path.resolve().relative_to(FilePath.cwd()))
    except ValueError:
        return str(path)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(map(str, known)), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {info.encode_name: info for info in msgspec.structs.fields(struct)}


def _check_struct(document: Document, value: Any, struct: type[msgspec.Struct], path: Path, what: str) -> bool:
    """Report unknown and missing keys, then wrong types one key at a time; True where nothing was wrong."""
    before = len(document.problems)
    if not isinstance(value, dict):
        document.report(path, f"{what} has to be a mapping")
        return False
    known = _fields(struct)
    for key in (key for key in value if key not in known):
        hint = did_you_mean(key, known)
        # A fleet may carry columns of its own; what looks like a slip of the pen is one there too.
        if hint or struct not in _OPEN:
            document.report((*path, key), f'{what} has no key "{key}"', hint)
    for key, info in known.items():
        if key not in value:
            if info.required:
                document.report(path, f'{what} lacks the key "{key}"')
            continue
        try:
            msgspec.convert(value[key], type=info.type)
        except msgspec.ValidationError as error:
            inner = _error_path(str(error))
            if not _is_nested_struct(info.type):
                place = (*path, key, *inner)
                told = f"{what}: {key}: {_plain_error(str(error))}"
                document.report(place, told, _hint(place, str(error)))
    return len(document.problems) == before


_OPEN = {Fleet, Person, Account, Group, Settings}


def _is_nested_struct(kind: Any) -> bool:
    """Structs that are checked on their own are not reported a second time from outside."""
    wanted = {Ladder, Binding, Clause, Response, Budget, Person, Account, Group, Settings, Fines, FineTerms}
    return (
        kind in wanted
        or any(one in wanted for one in get_args(kind))
        or any(_is_nested_struct(one) for one in get_args(kind))
    )


_CHOICES: dict[str, tuple[str, ...]] = {
    "mode": MODES,
    "sanction": SANCTIONS,
    "stage": get_args(Status.__annotations__["stage"]),
    "scope": get_args(Scope),
    "from": ("policy", "tenant"),
    "approvals": ("required", "automatic"),
}


def _hint(path: Path, message: str) -> str:
    """Where a word is none of the few allowed: the nearest of them, or all. Where a number stands for an id: quotes."""
    if message.startswith("Expected `str") and "got `int`" in message:
        return "put it in quotes"
    found = re.search(r"Invalid enum value '(.*?)'", message)
    names = [one for one in path if isinstance(one, str)]
    choices = _CHOICES.get(names[-1] if names else "", ())
    if names == ["groups", "mode"]:
        choices = get_args(GroupMode)
    if not found or not choices:
        return ""
    return did_you_mean(found.group(1), choices) or f"one of {', '.join(choices)}"


def _error_path(message: str) -> Path:
    found = re.search(r"at `\$([^`]*)`", message)
    if not found:
        return ()
    parts: list[str | int] = []
    for name, index in re.findall(r"\.?([\w-]+)|\[(\d+|\.\.\.)\]", found.group(1)):
        parts.append(int(index) if index.isdigit() else name)
    return tuple(part for part in parts if part != "")


def _plain_error(message: str) -> str:
    return message.split(" - at `")[0].replace("`", "")


def _check_pack(document: Document) -> None:
    value = document.value
    _check_struct(document, value, Pack, (), "a pack")
    if value.get("outsiders") is not None:
        _check_struct(document, value["outsiders"], Response, ("outsiders",), "outsiders")
    slug = value.get("pack")
    if isinstance(slug, str) and not _SLUG.fullmatch(slug):
        document.report(("pack",), f'"{slug}" is no slug', "small letters, digits and hyphens, e.g. my-office")
    for key, category_budget in _items(value.get("budgets")):
        _check_budget(document, category_budget, ("budgets", key))
        if key not in {*NAMES, "default"}:
            document.report(("budgets", key), f'unknown category "{key}"', did_you_mean(key, {*NAMES, "default"}))
    ladders = dict(_items(value.get("ladders")))
    for key, ladder in _items(ladders):
        _check_ladder(document, ladder, ("ladders", key), key)
    clauses = value.get("clauses")
    if isinstance(clauses, dict) and not clauses:
        document.report(("clauses",), "a pack needs at least one clause")
    used: set[str] = set()
    names = {key for key, _ in _items(clauses)}
    with_terms = {key for key, clause in _items(clauses) if _has_terms(clause)}
    for key, clause in _items(clauses):
        used |= _check_clause(document, clause, ("clauses", key), key, slug, ladders, names)
        _check_fines(document, clause, ("clauses", key), key, ladders, with_terms)
    for key, ladder in _items(ladders):
        for index, rung in _entries(ladder.get("rungs") if isinstance(ladder, dict) else None):
            path = ("ladders", key, "rungs", index, "clause")
            _check_named(
                document, rung.get("clause") if isinstance(rung, dict) else None, path, f'ladder "{key}"', names
            )
        if key not in used:
            document.report(("ladders", key), f'no clause uses the ladder "{key}"', "remove it or name it in a binding")
    for index, test in _entries(value.get("tests")):
        _check_test(document, test, ("tests", index), names)


def _has_terms(clause: Any) -> bool:
    """Say whether a clause says what its fine is."""
    bindings = (
        [one for _, one in _entries(clause.get("bindings")) if isinstance(one, dict)]
        if isinstance(clause, dict)
        else []
    )
    given = [one.get("with") for one in bindings if one.get("rule") == "consequence"]
    return any(isinstance(one, dict) and one.get("fine") is not None for one in given)


def _check_fines(
    document: Document, clause: Any, path: Path, name: str, ladders: dict[str, Any], with_terms: set[str]
) -> None:
    """Where a ladder or a response brings a fine, the clause on which it rests has to say how much and who pays."""
    for index, binding in _entries(clause.get("bindings") if isinstance(clause, dict) else None):
        if not isinstance(binding, dict):
            continue
        ladder = ladders.get(str(binding.get("ladder")))
        rungs = _entries(ladder.get("rungs")) if isinstance(ladder, dict) else []
        brought = [("ladder", one) for _, one in rungs] + [("response", binding.get("response"))]
        for key, one in brought:
            if not isinstance(one, dict):
                continue
            sanctions, resting = one.get("sanction"), str(one.get("clause") or name)
            fines = sanctions == "fine" or (isinstance(sanctions, list) and "fine" in sanctions)
            if fines and resting not in with_terms:
                told = f'clause "{name}": clause "{resting}" does not say what the fine is'
                document.report(
                    (*path, "bindings", index, key), told, "rule: consequence, with: {fine: {amount_fen: …, payer: …}}"
                )


def _check_named(document: Document, named: Any, path: Path, what: str, names: set[str]) -> None:
    """A clause that is named has to be one of the pack's."""
    if named is not None and str(named) not in names:
        document.report(path, f'{what}: there is no clause "{named}"', did_you_mean(named, names))


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _check_budget(document: Document, budget: Any, path: Path) -> None:
    if not _check_struct(document, budget, Budget, path, "a budget"):
        return
    shares: dict[str, Fraction] = {}
    for key in ("review", "act"):
        written = budget.get(key, getattr(Budget(), key))
        try:
            share = Fraction(written)
        except (ValueError, ZeroDivisionError):
            share = Fraction(0)
        if not 0 < share <= Fraction(1, 20):
            document.report(
                (*path, key), f'"{written}" is no budget', "a share of normal messages, e.g. 1/1000, at most 1/20"
            )
        shares[key] = share
    if shares["act"] > shares["review"]:
        document.report((*path, "act"), "act may not accuse more than review", "swap the two")


def _check_ladder(document: Document, ladder: Any, path: Path, name: str) -> None:
    if not _check_struct(document, ladder, Ladder, path, f'ladder "{name}"'):
        return
    last = 0.0
    for index, rung in enumerate(ladder["rungs"]):
        strikes = rung.get("strikes", 0)
        if strikes <= last:
            document.report(
                (*path, "rungs", index), f'ladder "{name}": rungs must rise, {strikes} does not come after {last:g}'
            )
        last = strikes
        kinds = rung.get("sanction")
        if "mute" in ([kinds] if isinstance(kinds, str) else kinds or []) and not rung.get("seconds"):
            document.report((*path, "rungs", index), f'ladder "{name}": a mute needs its seconds', "e.g. seconds: 3600")
    if not ladder["rungs"]:
        document.report(path, f'ladder "{name}" has no rung')


def _check_clause(
    document: Document, clause: Any, path: Path, name: str, slug: Any, ladders: dict[str, Any], names: set[str]
) -> set[str]:
    if isinstance(slug, str) and _SLUG.fullmatch(slug) and not name.startswith(f"{slug}-"):
        document.report(path, f'clause "{name}" does not belong to pack "{slug}"', f"call it {slug}-{name}")
    if not _check_struct(document, clause, Clause, path, f'clause "{name}"') and not isinstance(clause, dict):
        return set()
    bindings = clause.get("bindings") or []
    mode = clause.get("mode")
    if not bindings and mode not in ("record-only", "out-of-scope"):
        document.report(
            path,
            f'clause "{name}" has no binding',
            "bind a rule, or say mode: record-only / out-of-scope and because: …",
        )
    if not bindings and mode in ("record-only", "out-of-scope") and not clause.get("because"):
        document.report(path, f'clause "{name}" is {mode} without a reason', "add because: …")
    _check_notice(document, clause.get("notice"), (*path, "notice"), name)
    used: set[str] = set()
    for index, binding in _entries(bindings):
        used |= _check_binding(document, binding, (*path, "bindings", index), name, ladders, names)
    return used


def _check_binding(
    document: Document, binding: Any, path: Path, clause: str, ladders: dict[str, Any], names: set[str]
) -> set[str]:
    what = f'clause "{clause}"'
    if not _check_struct(document, binding, Binding, path, what) and not isinstance(binding, dict):
        return set()
    rule_name, mode, ladder = binding.get("rule"), binding.get("mode"), binding.get("ladder")
    _check_notice(document, binding.get("notice"), (*path, "notice"), clause)
    if binding.get("response") is not None:
        _check_struct(document, binding["response"], Response, (*path, "response"), what)
    if ladder is not None and not isinstance(ladder, str):
        ladder = None  # its type was reported
    if rule_name is None:
        if mode in ("automatic", "assisted"):
            document.report(path, f"{what} has no rule", "did you mean mode: record-only?")
        if not binding.get("because"):
            document.report(path, f"{what}: a binding without a rule needs a reason", "add because: …")
        return set()
    rule = RULES.get(str(rule_name))
    if rule is None:
        document.report((*path, "rule"), f'{what}: there is no rule "{rule_name}"', did_you_mean(rule_name, RULES))
        return {ladder} if isinstance(ladder, str) else set()
    params = _check_params(document, binding.get("with") or {}, rule.Params, (*path, "with"), what, rule_name)
    if ladder is not None and ladder not in ladders:
        document.report((*path, "ladder"), f'{what}: there is no ladder "{ladder}"', did_you_mean(ladder, ladders))
    if mode == "automatic" and rule_name != "consequence" and not ladder and not binding.get("response"):
        document.report(path, f"{what}: an automatic binding needs a ladder or a response", "what is to follow?")
    if params is not None:
        _check_meaning(document, params, binding, path, what, names)
    return {ladder} if isinstance(ladder, str) else set()


def _check_params(document: Document, value: Any, struct: Any, path: Path, what: str, rule: str) -> Any:
    if not _check_struct(document, value, struct, path, f"{what}: rule {rule}"):
        return None
    if struct is ConsequenceParams and value.get("fine") is not None:
        fine = value["fine"]
        if not _check_struct(
            document, fine, FineTerms, (*path, "fine"), f"{what}: a fine (payer: null where the policy names nobody)"
        ):
            return None
    try:
        return msgspec.convert(value, type=struct)
    except msgspec.ValidationError as error:
        document.report((*path, *_error_path(str(error))), f"{what}: rule {rule}: {_plain_error(str(error))}")
        return None


def _check_meaning(document: Document, params: Any, binding: Any, path: Path, what: str, names: set[str]) -> None:
    categories = getattr(params, "categories", ())
    for category in categories:
        if category not in NAMES:
            document.report(
                (*path, "with", "category"), f'{what}: unknown category "{category}"', did_you_mean(category, NAMES)
            )
        if category in NEVER_AUTOMATIC and binding.get("mode") == "automatic":
            document.report((*path, "mode"), f"{what}: {category} is never judged automatically", "say mode: assisted")
    if binding.get("rule") == "fault.unmended":
        _check_named(document, params.of, (*path, "with", "of"), what, names)
    if isinstance(params, ConsequenceParams):
        _check_consequence(document, params, binding, path, what, names)
    pattern = getattr(params, "pattern", None)
    if pattern is not None:
        try:
            re2.compile(pattern, _quiet())
        except re2.error as error:
            why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            document.report(
                (*path, "with", "pattern"),
                f"{what}: the pattern cannot be used: {why}",
                "patterns are RE2: no look-around, no back-references, so that none can run for ever",
            )


def _check_consequence(
    document: Document, params: ConsequenceParams, binding: Any, path: Path, what: str, names: set[str]
) -> None:
    for clause in (*params.of, params.together):
        _check_named(document, clause, (*path, "with", "of" if clause in params.of else "together"), what, names)
    for kind in params.options:
        if kind not in SANCTIONS:
            told = f'{what}: there is no sanction "{kind}"'
            document.report(
                (*path, "with", "options"), told, did_you_mean(kind, SANCTIONS) or f"one of {', '.join(SANCTIONS)}"
            )
    if "fine" in params.options and params.fine is None:
        document.report(
            (*path, "with", "options"), f"{what}: a fine needs its terms", "add fine: {amount_fen: …, payer: …}"
        )
    if params.fine is None:
        return
    place = (*path, "with", "fine")
    if binding.get("mode") == "automatic":
        document.report((*path, "mode"), f"{what}: a fine is never automatic", "say mode: assisted")
    for payer in params.fine.payers:
        if hint := did_you_mean(payer, PAYERS) if payer not in PAYERS else "":
            document.report((*place, "payer"), f'{what}: "{payer}" is no payer that the fleet can name', hint)
    least, most = params.fine.least_fen, params.fine.most_fen
    if params.fine.amount_fen is not None and (least is not None or most is not None):
        document.report(
            place, f"{what}: a fine has either amount_fen or bounds", "leave amount_fen null where it is open"
        )
    if least is not None and most is not None and least > most:
        document.report(place, f"{what}: least_fen is more than most_fen", "swap the two")


def _quiet() -> Any:
    """RE2 writes each bad pattern to standard error by itself; lint says it better."""
    options = re2.Options()
    options.log_errors = False
    return options


def _check_notice(document: Document, notice: Any, path: Path, clause: str) -> None:
    for name in re.findall(r"\{([^{}]*)\}", notice) if isinstance(notice, str) else ():
        if name not in PLACEHOLDERS:
            document.report(
                path, f'clause "{clause}": a notice has no place for "{{{name}}}"', did_you_mean(name, PLACEHOLDERS)
            )


def _check_test(document: Document, test: Any, path: Path, names: set[str]) -> None:
    if not isinstance(test, dict):
        document.report(path, "a test is a mapping with message or steps, and expect")
        return
    if "message" not in test and "steps" not in test:
        document.report(path, "a test needs a message or steps")
    if not isinstance(test.get("expect"), list):
        document.report(path, "a test lists what to expect", "expect: [] where nothing may be found")
    for _, clause in _entries(test.get("expect")):
        if str(clause) not in names:
            document.report((*path, "expect"), f'there is no clause "{clause}"', did_you_mean(clause, names))


# A line a person: room for a few hundred thousand.
MOST_FLEET_BYTES = 64_000_000


def load_fleet(path: FilePath) -> Fleet:
    """Read `fleet.yaml`. PackError lists all mistakes; OSError where the file cannot be read."""
    fleet, problems = lint_fleet(_text_of(path), _shown(path))
    if fleet is None:
        raise PackError(problems)
    return fleet


def lint_fleet(text: str, file: str) -> tuple[Fleet | None, list[Problem]]:
    """Check the text of a fleet file; an empty one is a fleet without people and groups."""
    document = Document(text, file, most=MOST_FLEET_BYTES)
    value = {} if document.value is None else document.value
    if isinstance(value, dict):
        _check_fleet(document, value)
    else:
        document.report((), "a fleet is a mapping with the keys people, groups and settings")
    fleet = None
    if not document.problems:
        try:
            fleet = msgspec.convert(value, type=Fleet)
        except msgspec.ValidationError as error:
            place = _error_path(str(error))
            document.report(place, _plain_error(str(error)), _hint(place, str(error)))
    return fleet, sorted(document.problems, key=lambda one: (one.line, one.column))


def _check_fleet(document: Document, value: dict[str, Any]) -> None:
    _check_struct(document, value, Fleet, (), "a fleet")
    people: set[str] = set()
    accounts: dict[tuple[Any, Any], str] = {}
    for index, person in _entries(value.get("people")):
        path, who = ("people", index), _named("person", person)
        _check_struct(document, person, Person, path, who)
        _check_once(document, people, _id(person), path, who)
        _check_dates(document, person, path, who)
        for number, account in _entries(person.get("accounts") if isinstance(person, dict) else None):
            place = (*path, "accounts", number)
            if _check_struct(document, account, Account, place, f"an account of {who}"):
                other = accounts.setdefault((account["platform"], account["id"]), who)
                if other != who:
                    told = f"account {account['platform']}:{account['id']} belongs to both {other} and {who}"
                    document.report(place, told)
    groups: set[str] = set()
    for index, group in _entries(value.get("groups")):
        path, which = ("groups", index), _named("group", group)
        _check_struct(document, group, Group, path, which)
        if isinstance(group, dict):
            key = f"{group.get('platform', 'jsonl')}:{_id(group)}" if "id" in group else ""
            _check_once(document, groups, key, path, which)
            _check_dates(document, group.get("facts"), (*path, "facts"), which)
    if value.get("settings") is not None:
        _check_settings(document, value["settings"], ("settings",))


def _entries(value: Any) -> list[tuple[int, Any]]:
    return list(enumerate(value)) if isinstance(value, list) else []


def _id(value: Any) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def _named(what: str, value: Any) -> str:
    return f'{what} "{_id(value)}"' if _id(value) else f"a {what}"


def _check_once(document: Document, seen: set[str], key: str, path: Path, what: str) -> None:
    if key and key in seen:
        document.report((*path, "id"), f"{what} stands there twice")
    seen.add(key)


def _check_dates(document: Document, value: Any, path: Path, what: str) -> None:
    """What ends in `_at` is a time between 1970 and 2100; rules add spans to it, and calendars end."""
    from policies.calendar import WorkingCalendar

    for key, written in _items(value):
        if str(key).endswith("_at") and written is not None and WorkingCalendar().millis(written) is None:
            told = f'{what}: {key}: "{written}" is no date'
            document.report((*path, key), told, "YYYY-MM-DD or milliseconds, from 1970 to 2100")


def _check_settings(document: Document, settings: Any, path: Path) -> None:
    from policies.calendar import WorkingCalendar

    if not _check_struct(document, settings, Settings, path, "settings"):
        return
    if "fines" in settings:
        _check_struct(document, settings["fines"], Fines, (*path, "fines"), "fines")
    for key, like in (("timezone", "Asia/Shanghai"), ("working_hours", '"09:00-18:00"')):
        try:
            WorkingCalendar(**{key: settings.get(key, getattr(Settings(), key))})
        except (ValueError, OSError, KeyError):
            document.report((*path, key), f'settings: {key}: "{settings[key]}" cannot be used', f"e.g. {like}")


__all__ = [
    "NEVER_AUTOMATIC",
    "TRAINED_CATEGORIES",
    "PackError",
    "Problem",
    "lint",
    "lint_fleet",
    "load_files",
    "load_fleet",
    "load_pack",
    "load_packs",
    "pack_files",
    "shipped_packs",
]
