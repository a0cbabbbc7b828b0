"""Campaigns: the same advert, changed, from many senders or in many groups, is one question for a person, and never a strike."""

import json
from itertools import pairwise, permutations

import msgspec
import numpy as np
import pytest
from house import HOUR, MINUTE, START, House

from classifiers.likeness import SIZE, signatures
from models import digest
from streams import desk
from streams.agents import Gather
from streams.agents.gather import LONGEST, MOST_COUNTED, WINDOW
from streams.cli import main
from streams.errors import WrongUse
from streams.store import StoreUnavailable
from streams.topics import ACTIONS, LIKENESSES, Gathered, Likeness, Record, record_of

COPIES = (
    "急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加微信wxkk8899",
    "急招手工活外发员🔥，在家便可做，一单一结，天天赚五百元不是梦，有意的加微信wxmm2200",
    "一单一结，日赚三百元不是梦，急聘手工活外发员，在家就能做，有意者加微信 13800138000",
    "各位早上好，急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加薇信v_k77",
    "急聘手工活外发员，不出门就能做，一单一结，日赚六百元不是梦，有意者加微信wxzz1111",
)
OTHER = "急用钱的找我，无抵押无担保，身份证就能办，当天放款利息低，需要的加微信wxkk8899"
NOTICE = "请各位同事今天下班之前到链接里登记疫苗接种情况，没有登记的明天不能进厂 https://forms.example.com/a"


def campaigns(house, status="open"):
    return house.reviews("campaign", status)


# The agent


def like(number, *, sender=None, group=None, at=START, text=COPIES[0], offset=0):
    (signature,) = signatures([text])
    one = Likeness(
        observation_id=f"m{number}",
        signature=signature,
        sender=digest("", sender or f"s{number}")[1:17],
        at=at + number * MINUTE,
        category="ads",
    )
    return record_of(LIKENESSES, f"webhook:{group or f'g{number}'}", Gathered(likeness=one), at + number * MINUTE)


def asked(effects):
    return [value.review for topic, _, value, _ in effects.records if topic == ACTIONS]


def published(effects):
    return [record_of(topic, key, value, at) for topic, key, value, at in effects.records if topic == LIKENESSES]


def test_the_third_sender_makes_a_campaign():
    gather = Gather()
    first = [asked(gather.handle([like(number, group="g1")], {})) for number in (1, 2)]
    assert first == [[], []]
    (review,) = asked(gather.handle([like(3, group="g1")], {}))
    assert (review.kind, review.on.kind, review.group_id, review.subject) == ("campaign", "campaign", "g1", "")
    assert review.on.id == digest("g", "m1")
    assert (review.detail["senders"], review.detail["groups"]) == (3, 1)
    assert [one["id"] for one in review.detail["observations"]] == ["m1", "m2", "m3"]
    assert (review.detail["first_at"], review.detail["last_at"]) == (START + MINUTE, START + 3 * MINUTE)


def test_two_copies_may_be_alike_by_way_of_a_third():
    """Whichever of them comes last."""
    for order in permutations(range(3)):
        records = [like(n, text=COPIES[n]) for n in order]
        (review,) = asked(Gather().handle(records, {}))
        assert review.detail["senders"] == 3, order


def test_one_sender_makes_a_campaign_by_the_third_group():
    gather = Gather()
    (review,) = asked(gather.handle([like(number, sender="x") for number in (1, 2, 3)], {}))
    assert (review.detail["senders"], review.detail["groups"]) == (1, 3)


def test_one_who_repeats_himself_in_two_groups_makes_none():
    gather = Gather()
    assert asked(gather.handle([like(n, sender="x", group=f"g{n % 2}") for n in range(50)], {})) == []
    assert asked(gather.handle([like(60, sender="y", group="g0"), like(61, sender="z", group="g1")], {})) != []


def test_a_campaign_that_grows_stays_one_question():
    gather = Gather()
    reviews = [one for n in range(30) for one in asked(gather.handle([like(n, text=COPIES[n % 5])], {}))]
    assert len({one.id for one in reviews}) == 1
    assert len({one.opened_at for one in reviews}) == 1
    assert reviews[-1].detail["senders"] == 30
    assert all(one.detail["senders"] < later.detail["senders"] for one, later in pairwise(reviews))


def test_growth_is_told_once_a_chunk_whatever_the_chunk():
    records = [like(n, text=COPIES[n % 5]) for n in range(12)]
    whole = asked(Gather().handle(records, {}))
    gather = Gather()
    parts = [one for record in records for one in asked(gather.handle([record], {}))]
    assert len(whole) == 1
    assert whole[0] == parts[-1]


def test_what_is_handled_twice_changes_nothing():
    gather = Gather()
    records = [like(n) for n in range(5)]
    gather.handle(records, {})
    assert gather.handle(records, {}).records == []


def test_what_is_further_apart_than_the_window_is_no_campaign():
    gather = Gather()
    records = [like(n, at=START + n * (WINDOW // 2 + MINUTE)) for n in range(3)]
    assert asked(gather.handle(records, {})) == []


def test_a_campaign_ends_when_it_is_silent_and_after_a_day():
    gather = Gather()
    (first,) = asked(gather.handle([like(n) for n in range(3)], {}))
    later = [like(n, at=START + WINDOW + 10 * MINUTE) for n in (10, 11, 12)]
    (second,) = asked(gather.handle(later, {}))
    assert second.id != first.id
    hourly = [like(100 + n, at=START + 4 * WINDOW + n * HOUR) for n in range(60)]
    told = [(record, one) for record in hourly for one in asked(gather.handle([record], {}))]
    assert len({one.id for _, one in told} - {first.id, second.id}) == 3
    assert all(one.detail["last_at"] - one.detail["first_at"] < LONGEST for _, one in told)


def test_another_advert_is_another_campaign():
    gather = Gather()
    records = [like(n, text=COPIES[n]) for n in range(3)] + [like(10 + n, text=OTHER) for n in range(3)]
    found = asked(gather.handle(records, {}))
    assert len({one.id for one in found}) == 2


@pytest.mark.parametrize("cut", range(0, 12))
def test_a_successor_goes_on_where_the_log_was_left(cut):
    """Wherever it takes over, and whether or not what was published last is read already."""
    log, reviews, whole = [], [], Gather()
    for n in range(10):
        effects = whole.handle([record := like(n, text=COPIES[n % 5])], {})
        log += [record, *published(effects)]
        reviews += asked(effects)
    gather = Gather()
    gather.rewind(log[:cut])
    after = asked(gather.handle(log[cut:], {}))
    assert [one.id for one in after] == [reviews[0].id]
    assert after[-1] == reviews[-1]


def test_a_successor_knows_a_campaign_of_which_the_beginning_is_too_old_to_read():
    first = Gather()
    log = []
    for n in range(0, 40):
        effects = first.handle([record := like(n, at=START + n * 20 * MINUTE)], {})
        log += [record, *published(effects)]
    (told,) = {value.campaign.id for value in (one.decoded for one in log) if value.campaign}
    gather = Gather()
    gather.rewind(log[-20:])
    (review,) = asked(gather.handle([like(41, at=START + 41 * 20 * MINUTE)], {}))
    assert review.on.id == told
    assert review.detail["senders"] == 41


def test_any_number_of_senders_takes_bounded_memory():
    """A hundred thousand different adverts: the memory holds the newest, and a campaign among the last is found."""
    most, rounds = 5_000, 20
    gather = Gather(most=most)
    bits = np.random.default_rng(7).integers(0, 256, (most, SIZE), dtype=np.uint8)
    # What `handle` does for one that is alike to none, without decoding.
    for number in range(rounds * most):
        signature = np.roll(bits[number % most], number // most).tobytes()
        one = Likeness(
            observation_id=f"x{number}", signature=signature, sender=f"{number:016x}", at=START, category="ads"
        )
        assert gather._enter(one, f"webhook:g{number % 1000}") is None
    held = gather._posts
    assert len(held._told) == len(held._at) == most
    assert {one for one, *_ in held._told} == {f"x{number}" for number in range((rounds - 1) * most, rounds * most)}
    assert asked(gather.handle([like(n) for n in range(3)], {})) != []


def test_a_huge_campaign_lists_its_first_and_counts_so_far():
    gather = Gather()
    records = [like(n, at=START - n * MINUTE) for n in range(MOST_COUNTED + 50)]
    (review,) = asked(gather.handle(records, {}))
    assert review.detail["senders"] == review.detail["groups"] == MOST_COUNTED
    assert len(review.detail["observations"]) == 100
    assert "至少 1000 人" in review.why


def test_a_record_that_cannot_be_used_keeps_nothing_untold():
    gather = Gather()
    broken = Record(LIKENESSES, "webhook:g1", b"{", 9, START)
    with pytest.raises(msgspec.DecodeError):
        gather.handle([*(like(n) for n in range(3)), broken], {})
    (review,) = asked(gather.handle([like(0)], {}))
    assert review.detail["senders"] == 3


def test_one_campaign_too_many_drives_out_an_older_one_and_not_itself(monkeypatch):
    monkeypatch.setattr("streams.agents.gather._MOST_CAMPAIGNS", 1)
    gather = Gather()
    gather.handle([like(n) for n in range(3)], {})
    # It comes late: its messages are the oldest of all.
    (late,) = asked(gather.handle([like(n, text=OTHER, at=START - 10 * HOUR) for n in range(10, 13)], {}))
    assert late.on.id == digest("g", "m10")
    # Two in one chunk: of the one that gave way nobody is told any more.
    gather = Gather()
    records = [like(n) for n in range(3)] + [like(n, text=OTHER) for n in range(10, 13)]
    assert [one.on.id for one in asked(gather.handle(records, {}))] == [digest("g", "m10")]


# All agents over one file


@pytest.fixture
def watched(a_house):
    """All is recorded, nothing leaves."""
    return a_house(mode="observe")


def post(house, texts=COPIES, *, groups=("g1", "g2", "g3"), first=0):
    return [
        house.say(f"x{first + n}", group=groups[n % len(groups)], text=text) for n, text in enumerate(texts, start=1)
    ]


def test_changed_copies_in_three_groups_are_one_question(watched):
    ids = post(watched)
    (review,) = campaigns(watched)
    assert (review["detail"]["senders"], review["detail"]["groups"]) == (5, 3)
    shown = desk.show_review(watched.store, review["id"])
    assert [one["id"] for one in shown["members"]] == ids
    assert watched.issued() == []
    assert "手工活" not in json.dumps(review, ensure_ascii=False)
    likenesses = watched.store.read((LIKENESSES,), 0, 100)
    assert likenesses
    assert all("手工活" not in one.value.decode() for one in likenesses)


def test_two_are_no_campaign(watched):
    post(watched, COPIES[:2])
    assert campaigns(watched) == []


@pytest.mark.parametrize("outcome", ["uphold", "overturn"])
def test_what_was_decided_does_not_come_back_while_it_grows(watched, outcome):
    post(watched, COPIES[:3])
    watched.decide(watched.review("campaign"), outcome)
    assert campaigns(watched) == []
    post(watched, COPIES[3:], first=10)
    assert campaigns(watched) == []
    (review,) = campaigns(watched, "decided")
    assert review["detail"]["senders"] == 5
    assert watched.issued() == []
    assert watched.strikes("webhook:x1") == []


def test_a_campaign_is_not_approved(watched):
    post(watched)
    with pytest.raises(WrongUse, match="use uphold or overturn"):
        desk.decide(watched.store, watched.review("campaign"), outcome="approve", by="林晓梅")


def test_who_may_announce_runs_no_campaign(watched):
    for group in ("g1", "g2", "g3"):
        watched.say("b", group=group, text=COPIES[0])
    assert campaigns(watched) == []


@pytest.mark.parametrize(
    "text",
    [
        NOTICE,
        "周末聚餐接龙，电话方便联系\n1. 张伟 13800138000\n2. 李娜 13900139000 参加的请自己往下加",
        "公司拖欠工资三个月了，大家一起去劳动监察投诉，加我微信wx99887一起维权",
        "谨防诈骗：自称客服让你加微信刷单返利日赚三百的都是骗子，请大家转发提醒家人",
        "收到",
    ],
)
def test_notices_forms_complaints_and_warnings_are_no_campaign(watched, text):
    post(watched, [text] * 5)
    assert watched.store.read((LIKENESSES,), 0, 10) == []
    assert campaigns(watched) == []


def test_work_talk_publishes_nothing(watched):
    post(watched, ["明天上午九点在三楼会议室开周例会，请带上本周的工作小结"] * 5)
    assert watched.store.read((LIKENESSES,), 0, 10) == []


def test_a_restart_goes_on_with_the_same_case(tmp_path, classifiers):
    house = House(tmp_path, classifiers, mode="observe")
    post(house, COPIES[:2])
    house.store.close()
    house = House(tmp_path, classifiers, mode="observe")
    house.now, house.seen = START + 2 * MINUTE, 2
    post(house, COPIES[2:4], first=10)
    (before,) = campaigns(house)
    house.store.close()
    house = House(tmp_path, classifiers, mode="observe")
    house.now, house.seen = START + 5 * MINUTE, 5
    post(house, COPIES[4:], first=20)
    (after,) = campaigns(house)
    assert (before["detail"]["senders"], after["detail"]["senders"]) == (4, 5)
    assert before["id"] == after["id"]
    house.store.close()


def test_what_could_not_be_stored_is_asked_all_the_same(watched, monkeypatch):
    post(watched, COPIES[:2])
    save = watched.store.save

    def fail(agent, *given):
        if agent == "record":
            raise StoreUnavailable("no room")
        save(agent, *given)

    monkeypatch.setattr(watched.store, "save", fail)
    with pytest.raises(StoreUnavailable):
        post(watched, COPIES[2:3], first=10)
    monkeypatch.undo()
    watched.settle()
    (review,) = campaigns(watched)
    assert review["detail"]["senders"] == 3


def test_a_replay_shows_the_same_cases(watched, tmp_path, root):
    """From the files of the command line; the bytes do not depend on the order of equal times."""
    lines = []
    for n, text in enumerate(COPIES):
        body = {
            "type": "message.created", "id": f"r{n}", "platform": "webhook", "group": {"id": f"g{n % 3 + 1}"},
            "sender": {"id": f"x{n}"}, "sent_at": START + n * MINUTE, "kind": "text", "text": text,
        }  # fmt: skip
        lines.append(json.dumps(body))
    source = tmp_path / "day.jsonl"
    source.write_text("\n".join(lines), "utf-8")
    (tmp_path / "fleet.yaml").write_text("groups: []\n", "utf-8")
    results = []
    for name in ("one", "two"):
        arguments = ["replay", str(source), "--fleet", str(tmp_path / "fleet.yaml"), "--out", str(tmp_path / name)]
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code in (0, None)
        results.append((tmp_path / name / "reviews.jsonl").read_text("utf-8"))
    assert results[0] == results[1]
    found = [json.loads(line) for line in results[0].splitlines()]
    (review,) = [one for one in found if one["kind"] == "campaign"]
    assert review["on"]["id"] == digest("g", "r0")
    assert review["detail"]["senders"] == 5
