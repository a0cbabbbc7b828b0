"""Rules on nicknames and group names."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal
from weakref import WeakKeyDictionary

import re2
from msgspec import Struct

from models import Evidence, Person, Subject
from policies.directory import Directory
from policies.rules.base import Case, Finding, Rule
from policies.schema import Span

# Source: packs.md, NAME; compared with the directory wherever the person is known.
CHINESE_NAME = re2.compile(r"^[\p{Han}·•]{2,15}$")
SEPARATORS = "+-_ ＋－—·/()（）"

Form = Literal["real_name", "unit_name", "department_name", "unit_name_post", "name_post", "untagged"]
Role = Literal["owner", "manager", "administrator", "member"]


class NameParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`form` is what the nickname has to be; of several any will do, and the first is the one to set.

    `untagged` only says that it may not end in `manager_suffix`, the sign of a group manager. `path` is where a nickname
    is changed, told in the reminder. `roles`: only people in these roles (empty: all). `owner_name`: the owner's nickname
    is exactly this. `manager_suffix` stands in brackets behind a group manager's. `types`, `except_types` of groups.
    `within`: only who joined or was transferred in the last month, and not before this span has passed since.
    `fact`: only in groups with this fact, where the policy does not say that the nickname is the place.
    """

    form: Form | tuple[Form, ...] = "real_name"
    path: str = ""
    roles: tuple[Role, ...] = ()
    owner_name: str = ""
    manager_suffix: str = ""
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    within: Span | None = None
    fact: str = ""

    @property
    def forms(self) -> tuple[Form, ...]:
        return (self.form,) if isinstance(self.form, str) else self.form


class NameFormat(Rule):
    """A member's nickname is not what the policy wants. Simplified and traditional forms count alike.

    A nickname that no platform has shown is not judged. Somebody the directory does not know is compared with the
    form of a Chinese name only. A real name stands alone; where a unit or post has to stand beside it, order, signs
    between them, short forms of the unit and additions in brackets are free. What the directory does not say of a person
    (his department, his post) is not held against him. Serves `nickname:format`.
    """

    name = "name.format"
    Params = NameParams
    standing = True
    needs = "the directory's names, units, departments and posts; who owns and manages the group"

    def faults(self, case: Case, params: NameParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if not view.is_of(params.types, params.except_types) or (params.fact and not view.fact(params.fact)):
            return
        members = view.members
        shown = case.state.cards if subject is None else {subject: case.state.cards.get(subject)}
        for who, card in sorted(shown.items()):
            elsewhere = who in case.state.left or (members and who in case.directory.people)
            if card is None or (subject is None and elsewhere and who not in members):
                continue
            role = view.role(who, case.state.shown_roles.get(who))
            if (params.roles and role not in params.roles) or (params.within and not _is_due(case, who, params.within)):
                continue
            finding = _misnamed(case, params, who, card, role)
            if finding:
                yield finding


# A nickname that has been wrong for longer has nothing to do with a change of staff.
RECENT_DAYS = 31


def _is_due(case: Case, who: str, within: Span) -> bool:
    """Say whether somebody joined or was transferred in the last month, and `within` has passed since."""
    person, calendar = case.directory.people.get(who), case.calendar
    written = (person.joined_at, person.transferred_at) if person else ()
    known = [case.state.joined.get(who), *map(calendar.millis, written)]
    changed = max((one for one in known if one is not None and one <= case.now), default=None)
    if changed is None or case.now > calendar.after(changed, Span(days=RECENT_DAYS)):
        return False
    return case.now > calendar.after(changed, within)


def _misnamed(case: Case, params: NameParams, who: str, card: str, role: str) -> Finding | None:
    person = case.directory.people.get(who)
    if role == "owner" and params.owner_name:
        right, expected, wanted = (
            simplified(card) == simplified(params.owner_name),
            [params.owner_name],
            "群主的统一昵称",
        )
    else:
        tag = f"（{params.manager_suffix}）" if params.manager_suffix and role == "manager" else ""
        right = any(_is_right(card, person, params, one, tag, case.directory.units) for one in params.forms)
        expected = [f"{one}{tag}" for one in (expected_card(person, form) for form in params.forms) if one]
        wanted = _FORMS[params.forms[0]] + (f"加{tag}" if tag else "")
    if right:
        return None
    unsure = person is not None and all(_unsaid(person, one) for one in params.forms)
    told = f"群昵称“{card[:30]}”不是{wanted}" if card.strip() else "尚未设置群昵称"
    want = f"，请改为“{'”或“'.join(expected)}”" if expected else f"，应为{wanted}"
    path = f"（{params.path}）" if params.path else ""
    return Finding(
        subject=Subject("member", who),
        explanation=f"{told}{want}{path}" + ("，名录中没有相应信息，请核实" if unsure else ""),
        evidence=(Evidence(signal="directory", category="nickname", matched=card[:30], why="与名录不符"),),
        certain=not unsure,
        category="nickname",
        mend=expected[0] if expected else None,
    )


def _is_right(card: str, person: Person | None, params: NameParams, form: Form, tag: str, units: set[str]) -> bool:
    if form == "untagged":
        return not simplified(card).endswith(simplified(f"（{params.manager_suffix}）"))
    if tag:
        shown, ending = simplified(card), simplified(tag)
        return shown.endswith(ending) and fits(shown.removesuffix(ending), person, form, units)
    return fits(card, person, form, units)


_FORMS: dict[Form, str] = {
    "real_name": "真实姓名（全称）",
    "unit_name": "单位加姓名",
    "department_name": "部门加姓名",
    "unit_name_post": "姓名、单位加职务",
    "name_post": "姓名加职务",
    "untagged": "去掉群负责人标注的姓名",
}
_WITH_PLACE = {"unit_name", "department_name", "unit_name_post"}
_WITH_POST = {"unit_name_post", "name_post"}


def expected_card(person: Person | None, form: str) -> str | None:
    """Give the exact nickname to set, where the directory knows enough."""
    if person is None:
        return None
    place = person.department if form == "department_name" else person.unit or person.department
    parts = [person.name]
    if form in _WITH_PLACE:
        parts.insert(0, place or "")
    if form in _WITH_POST:
        parts.append(person.post or "")
    return "-".join(parts) if all(parts) else None


def _unsaid(person: Person, form: str) -> bool:
    """Say whether the directory leaves open what the form wants."""
    place = person.department if form == "department_name" else person.unit or person.department
    return (form in _WITH_PLACE and not place) or (form in _WITH_POST and not person.post)


def fits(card: str, person: Person | None, form: str, units: set[str]) -> bool:
    """Say whether a nickname has the form; `units` are all units and departments of the directory."""
    shown = simplified(card.strip())
    if person is None:
        return _could_be(card, form, units)
    name = simplified(person.name)
    if form == "real_name":
        return shown == name
    own = [person.department] if form == "department_name" else [person.unit, person.department]
    places = {simplified(place) for place in (*own, "".join(place or "" for place in own)) if place}
    known = places or {simplified(unit) for unit in units}
    for rest in _without(shown, name):
        # A short form of the unit ends where the post begins: 交通局科员.
        where = rest.replace(simplified(person.post), " ") if person.post and form in _WITH_POST else rest
        placed = (
            form not in _WITH_PLACE or not known or any(_names(one, place) for place in known for one in (rest, where))
        )
        posted = form not in _WITH_POST or not person.post or _holds_post(rest, person.post, places)
        if placed and posted:
            return True
    return False


def _could_be(card: str, form: str, units: set[str]) -> bool:
    """Say whether a stranger's nickname has the form, as far as signs between its parts show."""
    if form == "real_name":
        return bool(CHINESE_NAME.match(simplified(card.strip())))
    if form in _WITH_POST:
        words = [one for one in _SEPARATOR.split(card.strip()) if one]
        wanted = 3 if form == "unit_name_post" else 2
        return len(words) >= wanted and any(CHINESE_NAME.match(simplified(one)) for one in words)
    name = _after_unit(card, units)
    return name is not None and bool(CHINESE_NAME.match(name))


def _without(text: str, name: str) -> Iterable[str]:
    """What a text says beside a name: once for each place where the name stands, for a unit may hold it too."""
    at = text.find(name)
    while at >= 0:
        yield f"{text[:at]} {text[at + len(name) :]}"
        at = text.find(name, at + 1)


def _names(text: str, place: str) -> bool:
    """Say whether a text names a unit, in full or in a short form such as 党政办 for 党政办公室."""
    return place in text or any(_shortens(word, place) for word in _WORDS.findall(text))


_WORDS = re2.compile(r"\p{Han}{2,}")


def _shortens(word: str, place: str) -> bool:
    letters = iter(place)
    return all(letter in letters for letter in word)


def _holds_post(text: str, post: str, places: Iterable[str]) -> bool:
    """Say whether a text names one of a person's posts; a deputy is no head, nor the other way round."""
    titles = [simplified(one) for one in _SEPARATOR.split(post) if one]
    for title in titles:
        for place in places:
            title = title.removeprefix(place) or title
        at = text.find(title)
        if at >= 0 and text[:at][-1:] != "副":
            return True
    return False


def _after_unit(card: str, units: set[str]) -> str | None:
    """The name in a stranger's nickname: after a known unit, or after any other that a sign sets apart."""
    shown = simplified(card.strip())
    for unit in sorted((simplified(unit) for unit in units), key=len, reverse=True):
        if shown.startswith(unit):
            return shown[len(unit) :].strip(SEPARATORS)
    unit, _, name = _SEPARATOR.sub(" ", card.strip(SEPARATORS)).partition(" ")
    return simplified(name) if len(unit) > 1 and name else None


_SEPARATOR = re2.compile(r"[+\-_\s＋－—·/|｜、，,;；@()（）\[\]【】]+")


@lru_cache(8192)
def simplified(text: str) -> str:
    """Fold width and traditional forms, keeping everything else. Units and names are asked for again and again."""
    from classifiers.folding import fold

    return fold(text).text


class GroupNameParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the name of a group has to be. Parts of it that the policy does not ask for are left out.

    `declared`: the registered one. `pattern`: an RE2 expression the name matches, as written or in simplified characters
    (small letters). `like` says the form in words; with `{name}` in it, it is the name to propose: 泽东{name}工作群.
    `without`: words it may not hold. `people`: no name of the directory stands in it. `purpose`: it shows the work.
    `longest`: characters.
    """

    declared: bool = True
    pattern: str | None = None
    like: str = ""
    without: tuple[str, ...] = ()
    people: bool = False
    purpose: bool = False
    longest: int | None = None
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class GroupName(Rule):
    """The group's name is not the declared one, or not of the prescribed form. Serves `groupname:format`.

    A name that nobody has given yet is only missed where it has to be declared. Whether a name shows the work is read
    from units of the directory, the group's purpose and words of work; where none of these is found, a person is asked.
    """

    name = "group.name"
    Params = GroupNameParams
    standing = True
    needs = "the registered name of the group; names and units of the directory"

    def faults(self, case: Case, params: GroupNameParams, subject: str | None) -> Iterable[Finding]:
        if subject is not None or not case.view.known or not case.view.is_of(params.types, params.except_types):
            return
        name, declared = case.view.name, case.view.group.name
        certain, wrong = True, _wrong_name(params, name, declared)
        if not wrong and name.strip():
            certain, wrong = _unfit_name(case, params, name)
        if wrong:
            mend = _proposed(params.like, name) or declared or None
            want = (
                f"，请改为“{mend}”"
                if mend and "{name}" in params.like
                else f"，应为{params.like}"
                if params.like
                else ""
            )
            yield Finding(
                subject=case.group_subject,
                explanation=wrong + want,
                certain=certain,
                category="group_name",
                mend=mend,
            )


def _proposed(like: str, name: str) -> str | None:
    """Give a name of the wanted form that keeps what the present one is about."""
    before, place, after = like.partition("{name}")
    about = core_of(name).removeprefix(simplified(before))
    return f"{before}{about}{after}" if place and about else None


def _wrong_name(params: GroupNameParams, name: str, declared: str) -> str | None:
    if params.declared and not declared:
        return "群未申明群名"
    if params.declared and name != declared:
        return f"群名“{name[:30]}”与备案的“{declared}”不一致"
    if not params.pattern or (not name and not declared):
        return None
    if not name.strip():
        return "群名为空"
    if re2.search(params.pattern, name) or re2.search(params.pattern, simplified(name)):
        return None
    return f"群名“{name[:30]}”不符合规定格式"


def _unfit_name(case: Case, params: GroupNameParams, name: str) -> tuple[bool, str | None]:
    """Say what is wrong with the words of a name, and whether that is certain. What offends is not repeated."""
    shown = simplified(name)
    if any(simplified(one) in shown for one in params.without):
        return True, "群名含有不当用语"
    if params.people and _names_somebody(case, shown):
        return True, "群名含有个人姓名，建议改用工作内容"
    if params.longest and len(name) > params.longest:
        return True, f"群名超过{params.longest}个字，建议简短明了"
    if params.purpose and not shows_work(case, name):
        return bool(_LEISURE.search(shown)), f"群名“{name[:30]}”没有体现工作内容"
    return True, None


def _names_somebody(case: Case, shown: str) -> bool:
    """Say whether a name of the directory stands in a group's name, units aside: 高峰 stands in 高峰镇 as well."""
    units, names = _plain(case.directory)
    for unit in units:
        if unit in shown:
            shown = shown.replace(unit, " ")
    return any(name in shown for name in names)


_PLAIN: "WeakKeyDictionary[Directory, tuple[list[str], list[str]]]" = WeakKeyDictionary()


def _plain(directory: Directory) -> tuple[list[str], list[str]]:
    """The units of a fleet and the names of more than one character, both simplified; worked out once for each fleet."""
    found = _PLAIN.get(directory)
    if found is None:
        from classifiers.folding import fold_batch

        # All at once: one by one, a hundred thousand names take as many times as long.
        units, names = list(directory.units), [one for one in directory.names if len(one) > 1]
        batch = fold_batch([*units, *names])
        plain = [batch[at].text for at in range(len(units) + len(names))]
        found = _PLAIN[directory] = plain[: len(units)], plain[len(units) :]
    return found


# What groups for work are called after.
_WORK = re2.compile(
    "工作|办公|项目|会议|例会|专班|专项|小组|班组|工程|[部科局股室站厂村镇乡]|中心|公司|支部|党|工会|行政|人事|财务|采购|销售|"
    "市场|生产|技术|研发|质量|质检|安全|仓储|仓库|物流|后勤|客服|客户|服务|运维|运营|维修|抢修|检修|应急|防汛|防火|防疫|防控|"
    "值班|排班|巡查|巡检|督查|督办|通知|公告|报送|上报|填报|台账|材料|文件|审批|报销|合同|招标|投标|招聘|校招|验收|调度|协调|"
    "沟通|联络|对接|交流|培训|学习|考核|考勤|档案|保密|宣传|信访|扶贫|振兴|创建|检查|整改|攻坚|推进|筹备|计划|方案|预算|决算|"
    "审计|统计|普查|调研|课题|交付|上线|测试|系统|平台|网格|社区|街道|业务|管理|车间|团队|突击|保障|指挥|施工|现场|设备|机组|"
    "单位|机关|干部|职工|员工|早会|晚会|周会|班会|盘点|订单|发货|备货|夜班|早班|白班|轮班|交接|移交|标段|规划|编制|建设|改造|迁移|迁改|治理|监测|评审|评估|改革|[分引排清截]流"
    "|保[畅供洁电]|[国省县]道|[泵桥路河]长|管[网线道]|水[厂库务]|电[厂网力]|数[据字]|信息|网络|软件|硬件|财[税政]|法务|税|资产|资料|图纸|报[表价]|督导|观摩|考察|接待|抢险|救[灾援]|征[迁拆收]|搬迁|执法|普法"
    "|选举|述职|党建|团委|妇联|双创|四上|五年|十[三四五六]五|gis|erp|crm|mes|kpi"
)
# What they are not called after, whatever stands beside it.
_LEISURE = re2.compile(
    "摸鱼|吃瓜|闲聊|八卦|唠嗑|吐槽|水群|灌水|聊天|相亲|交友|抢红包|拼团|团购|砍价|代购|麻将|打牌|斗地主|开黑|饭搭子|约饭|"
    "撸串|追剧|躺平|段子|一家亲|一家人|开心|快乐|姐妹|吃货|干饭人|约起|闺蜜|家和万事|瓜友|懒人|遛[娃狗]"
)


def shows_work(case: Case, name: str) -> bool:
    """Say whether a group's name shows work: a unit, two characters of its filed purpose, or a word of work."""
    shown = simplified(name)
    if _LEISURE.search(shown):
        return False
    if _WORK.search(shown) or any(unit in shown for unit in _plain(case.directory)[0]):
        return True
    filed = simplified(f"{case.view.fact('purpose') or ''} {case.view.fact('content') or ''}")
    about = core_of(name)
    return any(about[at : at + 2] in filed for at in range(len(about) - 1))


_ENDING = re2.compile(
    "(微信|企微|qq|钉钉|飞书)?(工作|交流|沟通|办公|讨论|联络)*(微信|qq)?[0-9]{0,2}(群|团队)[0-9一二三四五六七八九十]{0,2}$"
)
_SIGNS = re2.compile(r"[^\p{Han}a-z0-9]+")


def core_of(name: str) -> str:
    """Give a group's name without what such names share: 防汛 of 防汛工作群, 防汛群（2） and 防汛微信群."""
    return str(_ENDING.sub("", _SIGNS.sub("", simplified(name)), count=1))
