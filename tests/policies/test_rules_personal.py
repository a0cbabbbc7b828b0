"""Whose numbers are posted."""

from typing import Any

import msgspec
import pytest
from cases import MEMBER, PEOPLE, House, found
from measuring import sees

from models import Attachment, Change


def _with_check_digit(number: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return number[:17] + "10X98765432"[sum(int(a) * b for a, b in zip(number[:17], weights, strict=True)) % 11]


# Made up.
IDENTITY, OTHER_IDENTITY = _with_check_digit("33010219900307123"), _with_check_digit("11010119800101001")
CARD = "6222021001116245702"
PHONE, OTHER_PHONE, THIRD_PHONE = "13812345678", "13987654321", "15011112222"


def kinds(text: str | None, *, said: dict[str, Any] | None = None, people: Any = PEOPLE, **params: Any) -> list[str]:
    findings = found("personal.data", sees(House(people=people), text, **(said or {})), **params)
    return sorted({item.category for one in findings for item in one.evidence})


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (f"新人小刘身份证号{IDENTITY},手机{PHONE},存一下", ["identity_number", "mobile_number"]),
        (f"我的身份证号是{IDENTITY}", []),
        (f"陈志强 {IDENTITY}", []),
        (f"郑敏 {IDENTITY}", ["identity_number"]),
        (f"本人身份证{IDENTITY}", []),
        (f"身份证号{IDENTITY}", ["identity_number"]),
        (f"我的身份证{IDENTITY},她的{OTHER_IDENTITY}", ["identity_number"]),
        (f"名单:张三{IDENTITY} 李四{OTHER_IDENTITY}", ["identity_number"]),
        (f"【通知】参会人员名单:张三{IDENTITY}", ["identity_number"]),
        (f"单号{IDENTITY[:10]}已发", []),
        ("身份证复印件交办公室", []),
    ],
)
def test_identity_numbers(text: str, others: list[str]) -> None:
    assert kinds(text) == others


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (f"我是对接人周敏,电话{PHONE},随时打", []),
        (f"我换号了,新号{PHONE}", []),
        (f"有事打{PHONE}", []),
        (f"{PHONE}", []),
        (f"陈志强 {PHONE}", []),
        (f"郑敏 {PHONE}", ["mobile_number"]),
        (f"现场对接人是工程部赵磊,手机{PHONE}", ["mobile_number"]),
        (f"李总的电话 {PHONE}", ["mobile_number"]),
        (f"他的手机{PHONE},你问他", ["mobile_number"]),
        (f"客户电话{PHONE}记一下", ["mobile_number"]),
        (f"司机电话{PHONE},下午到厂", []),
        (f"防汛值班电话:郑敏{PHONE},高建华{OTHER_PHONE},周卫国{THIRD_PHONE}", []),
        (f"【通知】周五下午两点召开安全例会,联系人:郑敏 {PHONE}", []),
        (f"张三{PHONE}\n李四{OTHER_PHONE}\n王五{THIRD_PHONE}", ["mobile_number"]),
        (f"{PHONE}\n{OTHER_PHONE}\n{THIRD_PHONE}", ["mobile_number"]),
        (f"{PHONE}\n{PHONE}\n{PHONE}", []),
        ("规划科值班座机 0571-88881234", []),
        ("规划科值班座机 0571-8888XXXX", []),
        ("郑敏的手机还没给我", []),
    ],
)
def test_telephone_numbers(text: str, others: list[str]) -> None:
    assert kinds(text) == others


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (f"小刘的工资卡号{CARD}", ["bank_card"]),
        (f"卡号{CARD}", ["bank_card"]),
        (f"我的银行卡{CARD}", []),
        (f"户名:上海某某有限公司,开户行:工行,账号{CARD}", []),
    ],
)
def test_bank_cards(text: str, others: list[str]) -> None:
    assert kinds(text) == others


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("郑敏家住青山路12号3单元,去看看", ["address"]),
        ("我家住青山路12号", []),
        ("她现住青山路12号", ["address"]),
        ("业主方冯总住翠湖苑8幢301,孩子在三小", ["address"]),
        ("住的师傅都搬到12号楼了", []),
        ("评审专家住西溪迎宾馆2号楼", []),
        ("客户住在市区,别迟到", []),
        ("发货地址:青山路12号", []),
        ("\ud800家住青山路12号", ["address"]),
    ],
)
def test_addresses_where_they_are_asked_for(text: str, others: list[str]) -> None:
    asked = ("identity_number", "bank_card", "mobile_number", "address")
    assert kinds(text, kinds=asked) == others
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("短信接口的示例填郑敏 13900000000", []),
        ("测试环境导进了真数据,郑敏 13987654321", ["mobile_number"]),
        ("郑敏的手机 13900000000", ["mobile_number"]),
    ],
)
def test_a_number_made_up_to_try_something_is_nobodys(text: str, others: list[str]) -> None:
    assert kinds(text) == others


def test_ones_own_may_be_forbidden_too() -> None:
    assert kinds(f"我的身份证号是{IDENTITY}", own_allowed=False) == ["identity_number"]


def test_how_many_numbers_are_a_list() -> None:
    text = f"{PHONE} {OTHER_PHONE}"
    assert kinds(text, several=2) == ["mobile_number"]
    assert kinds(text) == []


def test_names_of_files_are_read() -> None:
    file = {"kind": "file", "attachments": (Attachment(name=f"郑敏身份证{IDENTITY}.jpg"),)}
    assert kinds(None, said=file) == ["identity_number"]
    own = {"kind": "file", "attachments": (Attachment(name=f"陈志强身份证{IDENTITY}.jpg"),)}
    assert kinds(None, said=own) == []


@pytest.mark.parametrize("given", [{"by": "bot", "scope": "robot"}, {"by": "keeper"}])
def test_who_may_post_any(given: dict[str, Any]) -> None:
    assert kinds(f"小刘身份证{IDENTITY}", said=given, exempt_roles=("administrator",)) == []


def test_what_nobody_is_named_for_is_a_question() -> None:
    [finding] = found("personal.data", sees(House(), f"小刘身份证{IDENTITY}", by=None))
    assert (finding.subject.kind, finding.certain) == ("message", False)
    assert IDENTITY not in finding.explanation


def test_an_edit_that_comes_as_a_change_is_read() -> None:
    change = {"type": "message.edited", "change": Change(field="text", new=f"小刘身份证{IDENTITY}")}
    assert kinds(None, said=change) == ["identity_number"]


def test_without_a_directory_names_are_read_by_their_place() -> None:
    stranger = (msgspec.structs.replace(MEMBER, name="路人"),)
    assert kinds(f"赵磊,手机{PHONE}", people=stranger) == ["mobile_number"]


def test_a_pasted_list_is_one_finding() -> None:
    text = "\n".join(f"员工{n} 138{n:08d}" for n in range(2000))
    findings = found("personal.data", sees(House(), text))
    assert len(findings) == 1
    assert len(findings[0].evidence) == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("我的微信号 qy_ops01 密码 Qw#2291,谁帮我登一下", True),
        ("OA账号zhang3,密码是:abc12345", True),
        ("password=Summer2026!", True),
        ("会议号 123 456 789,会议密码 8899", False),
        ("WiFi密码:88886666", False),
        ("解压密码1234", False),
        ("系统密码请大家定期更换", False),
        ("密码 abcdef", False),
        ("密码不少于8位", False),
        ("\ud800密码 Qw#2291", True),
    ],
)
def test_passwords_where_they_are_asked_for(text: str, told: bool) -> None:
    [*findings] = found("personal.data", sees(House(), text), kinds=("credential",))
    assert len(findings) == told
    assert all("密码" in one.explanation and "Qw#" not in repr(one) for one in findings)
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("新人小刘身份证号330…,手机139…,存一下", ["identity_number", "mobile_number"]),
        ("现场对接人是工程部赵磊,手机138XXXX1234", ["mobile_number"]),
        ("我是对接人周敏,电话139XXXX0000,随时打", []),
        ("名单已脱敏:张*,138****1234", []),
        ("机型X1390XXXX到货了", []),
        ("值班手机139XXXX2345,24小时开机", []),
        ("第130…不对,是第131页", []),
    ],
)
def test_numbers_with_digits_left_out_count_where_the_pack_says_so(text: str, others: list[str]) -> None:
    assert kinds(text, hidden=True) == others
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("体检报告出来了,小陈查出乙肝,大家注意点", ["private"]),
        ("把小王的身份证正反面发群里,我要订票", ["private"]),
        ("张姐工资条我截图发这了", ["private"]),
        ("给大家看看小刘昨晚喝醉的丑照", ["private"]),
        ("采购小郭离了两次婚,前妻又来要钱", ["private"]),
        ("人家儿子坐过牢,少来往", ["private"]),
        ("郑敏得了抑郁症,你们说话小心点", ["private"]),
        ("仓库小鲁上周查出来甲状腺有结节,重活先别喊她", ["private"]),
        ("老邱肺癌住院了", ["private"]),
        ("小鲁怀孕了,你们别排她夜班", ["private"]),
        ("周五妇科筛查,防癌讲座在三楼", []),
        ("女职工怀孕七个月起不排夜班", []),
        ("陈志强得了抑郁症", []),
        ("我昨天体检结果出来了,一切正常", []),
        ("请大家把身份证复印件交到人事科", []),
        ("请小王把体检报告交到人事处", []),
        ("周末健康讲座:抑郁症的预防", []),
        ("小陈今天发烧请假,工作由我代", []),
        ("老周去现场拍照,照片发群里", []),
    ],
)
def test_what_is_nobody_elses_business(text: str, others: list[str]) -> None:
    assert kinds(text, kinds=["private"]) == others
    assert not any(one.certain for one in found("personal.data", sees(House(), text), kinds=["private"]))
