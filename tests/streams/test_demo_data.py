"""The demo day holds together: its fleet converts, its people are known, and what it is meant to show is in it."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
import yaml

from models import Fleet, Observation

DEMO = Path(__file__).parents[2] / "streams" / "demo"
ZONE = ZoneInfo("Asia/Shanghai")
GROUPS = {"g-prod": "xianchuang", "g-sales": "xianchuang", "g-line": "banxian", "g-bureau": "ju-bangong"}
FILED = {
    "filed_at",
    "purpose",
    "content",
    "member_range",
    "initiator",
    "administrators_filed_at",
    "monitoring_notice_at",
}
HOUR = 60 * 60 * 1000


def clock(seen: Observation) -> str:
    return datetime.fromtimestamp(seen.sent_at / 1000, ZONE).strftime("%H:%M")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return msgspec.convert(yaml.safe_load((DEMO / "fleet.yaml").read_text(encoding="utf-8")), type=Fleet)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return (DEMO / "day.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def day(lines: list[str]) -> list[Observation]:
    """Everything but the broken line."""
    decoder = msgspec.json.Decoder(Observation)
    return [decoder.decode(line) for line in lines if is_json(line)]


@pytest.fixture(scope="module")
def at(day: list[Observation]):
    """Find what one person sent in one group at one minute."""

    def find(group: str, minute: str, name: str) -> list[Observation]:
        return [
            one
            for one in day
            if one.group and one.group.id == group and clock(one) == minute and one.sender.card.endswith(name)
        ]

    return find


def is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_about_three_hundred_observations_in_four_groups_and_one_unknown(day):
    counted = Counter(one.group.id for one in day if one.group)
    assert set(counted) == {*GROUPS, "g-unknown"}
    assert counted["g-unknown"] == 1
    assert all(counted[group] >= 45 for group in GROUPS)
    assert 300 <= sum(counted.values()) <= 345


def test_one_line_is_not_json_and_one_is_a_tick(lines, day):
    assert sum(not is_json(line) for line in lines) == 1
    assert [one.id for one in day if one.type == "clock.tick"] == [""]


def test_ids_are_unique_and_deterministic(day):
    named = [one.id for one in day if one.type != "clock.tick"]
    assert named == [f"demo-{number:04d}" for number in range(1, len(named) + 1)]


def test_the_day_is_sorted_and_is_one_working_day(day):
    times = [one.sent_at for one in day]
    assert times == sorted(times)
    assert {datetime.fromtimestamp(one / 1000, ZONE).date().isoformat() for one in times} == {"2026-11-18"}
    assert clock(day[0]) == "08:20"
    assert clock(day[-1]) == "18:40"


def test_no_text_is_empty(day):
    assert all(one.text for one in day if one.kind == "text")


def test_every_sender_of_a_known_group_is_a_member_in_the_directory(fleet, day):
    person_of = {(account.platform, account.id): one.id for one in fleet.people for account in one.accounts}
    groups = {group.id: group for group in fleet.groups}
    for one in day:
        if one.group and one.group.id in groups:
            group = groups[one.group.id]
            who = person_of[one.platform, one.sender.id]
            role = "owner" if who == group.owner else "administrator" if who in group.administrators else "member"
            assert who in group.members, one.id
            assert (one.group.name, one.sender.role) == (group.name, role), one.id


def test_the_fleet_is_what_the_packs_ask_for(fleet):
    people = {one.id: one for one in fleet.people}
    groups = {one.id: one for one in fleet.groups}
    assert {one.id: one.pack for one in fleet.groups} == GROUPS
    assert {one.id: (one.type, one.mode, one.approvals["remove"]) for one in fleet.groups} == {
        "g-prod": ("centre", "enforce", "automatic"),
        "g-sales": ("department", "enforce", "required"),
        "g-line": ("line", "enforce", "required"),
        "g-bureau": ("bureau", "advise", "required"),
    }
    for group in fleet.groups:
        named = {group.owner, *group.managers, *group.administrators, *group.publishers}
        assert named <= set(group.members) <= set(people)
        assert group.facts["monitoring_notice_at"] < "2026-11-18"
    for name in ("g-prod", "g-sales"):
        assert all(groups[name].facts[fact] for fact in FILED)
    owner = people[groups["g-prod"].owner]
    assert (owner.post, owner.department) == ("中心总监", "生产中心")
    owner = people[groups["g-sales"].owner]
    assert (owner.post, owner.department) == ("部门负责人", "销售部")
    assert "party_member" in people[groups["g-line"].owner].tags
    bureau = groups["g-bureau"]
    assert {people[one].department for one in bureau.administrators} == {"局办公室"}
    absent = {key.removeprefix("join_exception:") for key in bureau.facts if key.startswith("join_exception:")}
    assert absent == set(people) - set(bureau.members)
    assert {one.id for one in fleet.people if one.unit == "县水务局"} == set(bureau.members)


def test_cards_are_right_but_for_two_people(fleet, day):
    people = {account.id: one for one in fleet.people for account in one.accounts}
    wrong = set()
    for one in day:
        if one.group and one.group.id in GROUPS:
            person = people[one.sender.id]
            wanted = f"{person.unit}-{person.name}" if one.group.id == "g-line" else person.name
            if one.sender.card != wanted:
                wrong.add((one.group.id, one.sender.card))
    assert wrong == {("g-bureau", "小陈"), ("g-line", "彭大勇")}


@pytest.mark.parametrize(
    ("group", "minute", "name", "word"),
    [
        ("g-prod", "08:41", "邓小军", "猪脑子"),
        ("g-bureau", "09:20", "吕建", "【公告】"),
        ("g-sales", "09:40", "马丽", "代理"),
        ("g-bureau", "09:45", "曹雅琴", "【通知】"),
        ("g-prod", "10:05", "周涛", "代理"),
        ("g-line", "10:30", "邹敏", "红包预算"),
        ("g-line", "10:50", "唐小芳", "手机"),
        ("g-prod", "13:42", "韩冬", "听人讲"),
        ("g-bureau", "14:05", "曹雅琴", "涉密载体"),
        ("g-prod", "14:30", "周涛", "分销"),
        ("g-prod", "15:20", "韩冬", "堵厂门"),
        ("g-bureau", "15:40", "蔡明辉", "车位转让"),
        ("g-sales", "16:10", "马丽", "赚钱"),
    ],
)
def test_the_special_message_is_there(at, group, minute, name, word):
    assert any(word in (one.text or "") for one in at(group, minute, name))


def test_the_first_offender_falls_silent_after_the_removal_and_the_inviter_after_the_invitation(day):
    last = {one.sender.card: clock(one) for one in day if one.group and one.group.id == "g-prod"}
    assert last["周涛"] == "14:30"
    assert last["谢永强"] == "17:25"


def test_the_advert_is_quoted_by_somebody_else(at):
    [advert] = at("g-prod", "10:05", "周涛")
    [quoting] = at("g-prod", "10:07", "何国栋")
    assert quoting.text == "工作群别发广告。"
    assert (quoting.reply_to.id, quoting.reply_to.quoted_text) == (advert.id, advert.text)


def test_twelve_members_acknowledge_the_notice_within_a_minute(day):
    [notice] = [
        one for one in day if one.group and one.group.id == "g-prod" and (one.text or "").startswith("【通知】")
    ]
    assert clock(notice) == "11:00"
    assert "收到请回复" in notice.text
    answers = [
        one for one in day if one.group and one.group.id == "g-prod" and 0 < one.sent_at - notice.sent_at < 60_000
    ]
    assert all(one.text.startswith("收到") for one in answers)
    assert len({one.sender.id for one in answers}) == len(answers) == 12


def test_one_member_floods_with_nine_lines_in_forty_seconds(at):
    flood = at("g-prod", "16:20", "田晓峰")
    assert len(flood) == 9
    assert flood[-1].sent_at - flood[0].sent_at <= 40_999
    assert all("年会节目还差两个人" in one.text for one in flood)


def test_money_files_edits_recalls_and_invitations_are_there(day, at, fleet):
    [packet] = [one for one in day if one.kind == "red_packet"]
    assert (packet.group.id, clock(packet), packet.money.type) == ("g-line", "12:10", "red_packet")
    [red_header] = at("g-line", "15:05", "彭大勇")
    [secret] = at("g-bureau", "16:40", "钟晓燕")
    assert (red_header.kind, red_header.attachments[0].ext) == ("file", "pdf")
    assert secret.attachments[0].name.startswith("机密★")
    original = {one.id: one for one in day}
    [edited] = [one for one in day if one.type == "message.edited"]
    assert original[edited.edit_of.id].sender == edited.sender
    assert (edited.change.old, edited.change.new) == (original[edited.edit_of.id].text, edited.text)
    [recalled] = [one for one in day if one.type == "message.recalled"]
    assert original[recalled.recall_of.id].sender == recalled.sender
    assert recalled.sent_at - original[recalled.recall_of.id].sent_at < 60_000
    [invited] = [one for one in day if one.type == "member.invited"]
    assert invited.target.id not in {account.id for one in fleet.people for account in one.accounts}
    assert sum(one.kind == "unknown" and one.type == "message.created" for one in day) == 1


def test_questions_are_answered_within_an_hour(day):
    for place, one in enumerate(day):
        if one.text and "？" in one.text:
            later = [
                each
                for each in day[place + 1 :]
                if each.group and each.group.id == one.group.id and each.sender.id != one.sender.id
            ]
            assert later, one.id
            assert later[0].sent_at - one.sent_at < HOUR, one.id
