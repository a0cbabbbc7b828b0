"""`xunqun import`: what stands in an export comes out as observations, what stands in a roster as a fleet."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.imports import ImportFailed, import_files
from connectors.imports.json_items import json_items
from connectors.imports.source import Notes, Source
from policies.directory import Directory
from policies.lint import load_fleet
from streams.cli import main

QQ_GROUP = """消息记录（此消息记录为文本格式，不支持重新导入）

================================================================
消息分组:我的群聊
================================================================
消息对象:包装车间夜班群
================================================================

2026-11-20 8:05:09 【群主】周班长(2100000001)
@全体成员 今晚盘点三号线
2026-11-20 08:00:00 开始，请带工牌

2026-11-20 8:06:00 【管理员】何静<2100000002>
收到 [图片]

2026-11-20 8:06:01 (2100000003)
[QQ红包]请使用新版手机QQ查收红包。

2026-11-20 8:07:30 阿强<qiang@mail.example>
报价见 https://price.example/a?b=1。

2026-11-20 8:08:00 系统消息(10000)
周班长(2100000001) 将 阿强 移出本群

2026-11-20 8:08:30 系统消息(10000)
何静被周班长(2100000001)禁言10分钟

2026-11-20 8:09:00 系统消息(10000)
本群的功能有更新，欢迎体验

2026-11-20 8:10:00 何静<2100000002>
何静撤回了一条消息

"""
QQ_FRIEND = """消息记录（此消息记录为文本格式，不支持重新导入）

================================================================
消息分组:我的好友
================================================================
消息对象:周班长
================================================================

2026-11-20 9:00:00 周班长
明天的班谁来顶？

2026-11-20 9:00:10 何静(夜班)
我可以

"""


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def build(content, name="export.txt", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return build


@pytest.fixture
def imported(tmp_path, write):
    """Imports contents or paths and gives the observations and what was told."""

    def run(*contents, **options):
        paths = [one if isinstance(one, Path) else write(one, f"export{number}") for number, one in enumerate(contents)]
        out = tmp_path / "out"
        result = import_files(paths, out, force=True, **options)
        file = out / "observations.jsonl"
        return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else [], result

    return run


@pytest.fixture
def refused(tmp_path, write):
    """Imports what cannot be imported and gives what people are told, without the folder's name."""

    def run(*contents, **options):
        paths = [write(one, f"export{number}") for number, one in enumerate(contents)]
        with pytest.raises(ImportFailed) as error:
            import_files(paths, tmp_path / "refused", **options)
        assert not (tmp_path / "refused").exists()
        return str(error.value).replace(f"{tmp_path}/", "")

    return run


def archived(number=1, **given):
    plain = {
        "msgid": f"m{number}",
        "action": "send",
        "from": "hejing",
        "tolist": ["zhou"],
        "roomid": "wr1",
        "msgtime": 1_795_243_500_000 + number,
        "msgtype": "text",
        "text": {"content": f"第{number}批已装车"},
    }
    return plain | given


# QQ text


def test_a_qq_group_is_read(imported):
    seen, result = imported(QQ_GROUP)
    assert {one["group"]["id"] for one in seen} == {"包装车间夜班群"}
    assert {one["platform"] for one in seen} == {"onebot11"}
    assert [one["type"] for one in seen] == [
        *["message.created"] * 4,
        "member.removed",
        "member.muted",
        "message.recalled",
    ]
    notice, picture, packet, link, removed, muted, recalled = seen
    assert notice["sender"] == {"id": "2100000001", "name": "周班长", "role": "owner"}
    # 2026-11-20 08:05:09 in Shanghai.
    assert notice["sent_at"] == 1_795_133_109_000
    assert notice["mention_all"] is True
    assert picture["sender"] == {"id": "2100000002", "name": "何静", "role": "administrator"}
    assert (picture["kind"], picture["text"], picture["attachments"]) == ("mixed", "收到", [{"kind": "image"}])
    assert packet["sender"] == {"id": "2100000003"}
    assert (packet["kind"], packet["money"]) == ("red_packet", {"type": "red_packet"})
    assert link["sender"]["id"] == "qiang@mail.example"
    assert link["links"] == [{"url": "https://price.example/a?b=1", "from": "text"}]
    assert removed["sender"]["id"] == "2100000001"
    assert removed["target"] == {"id": "qiang@mail.example", "name": "阿强"}
    assert muted["target"]["id"] == "2100000002"
    assert muted["change"] == {"field": "mute", "seconds": 600}
    assert recalled["sender"]["id"] == "2100000002"
    assert result.notes.left_out == {"system line whose meaning is not clear": 1}


def test_a_line_of_a_message_that_begins_with_a_time_starts_no_other(imported):
    seen, _ = imported(QQ_GROUP)
    assert seen[0]["text"] == "@全体成员 今晚盘点三号线\n2026-11-20 08:00:00 开始，请带工牌"


def test_system_lines_typed_by_members_stay_messages(imported):
    typed = "2026-11-20 9:00:00 何静(2100000002)\n周班长将阿强移出本群\n"
    seen, _ = imported(QQ_GROUP + typed)
    assert (seen[-1]["type"], seen[-1]["text"]) == ("message.created", "周班长将阿强移出本群")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_encoding_of_an_export_changes_nothing(imported, encoding, ends):
    plain, _ = imported(QQ_GROUP)
    assert imported(QQ_GROUP.replace("\n", ends).encode(encoding))[0] == plain


def test_packed_exports_are_read(imported):
    plain, _ = imported(QQ_GROUP)
    assert imported(gzip.compress(QQ_GROUP.encode()))[0] == plain


def test_an_export_without_a_header_needs_the_group(imported, refused):
    body = QQ_GROUP[QQ_GROUP.index("2026") :]
    assert "export0:1: the export does not name its group; give the group's id with --group" in refused(body)
    seen, _ = imported(body, group="700100200")
    assert seen[0]["group"] == {"id": "700100200"}


def test_a_conversation_between_two_is_imported_only_when_named(imported, refused):
    assert "between two people" in refused(QQ_FRIEND)
    assert "--group" in refused(QQ_FRIEND)
    seen, _ = imported(QQ_FRIEND, group="zhou")
    assert [(one["sender"]["id"], one["text"]) for one in seen] == [
        ("周班长", "明天的班谁来顶？"),
        ("何静(夜班)", "我可以"),
    ]


def test_of_a_whole_account_the_groups_are_read(imported, refused):
    other = QQ_GROUP.replace("包装车间夜班群", "包装车间通知群")
    seen, result = imported(QQ_GROUP + QQ_FRIEND + other)
    assert {key: group.name for key, group in result.groups.items()} == {
        "onebot11:包装车间夜班群": "包装车间夜班群",
        "onebot11:包装车间通知群": "包装车间通知群",
    }
    assert len(seen) == 14
    assert result.notes.left_out["message between two people"] == 2
    assert "a second chat begins here" in refused(QQ_GROUP + other, group="g1")


def test_equal_messages_of_one_second_are_told_apart(imported):
    said = "2026-11-20 8:05:09 周班长(2100000001)\n[图片]\n\n"
    seen, _ = imported(said * 3, group="g1")
    assert len({one["id"] for one in seen}) == 3


# Ids, order, files


def written(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_files_give_the_same_bytes_in_any_order(tmp_path, write):
    body = QQ_GROUP[QQ_GROUP.index("2026") :]
    middle = body.index("2026-11-20 8:10:00")
    early, late = write(body[:middle], "a.txt"), write(body[middle:], "b.txt")
    whole, roster = write(body, "c.txt"), write("姓名,QQ号\n周班长,2100000001\n", "p.csv")
    for name, files in (
        ("one", [roster, whole]),
        ("two", [late, whole, early, roster]),
        ("three", [whole, whole, roster]),
    ):
        import_files(files, tmp_path / name, group="g1")
    assert written(tmp_path / "one") == written(tmp_path / "two") == written(tmp_path / "three")
    assert set(written(tmp_path / "one")) == {"observations.jsonl", "fleet.yaml"}


def test_what_stood_there_twice_is_told(imported, write):
    _, result = imported(write(QQ_GROUP, "a"), write(QQ_GROUP, "b"))
    assert result.notes.remarks == ["7 observations stood there more than once; written once"]


def test_nothing_is_overwritten_without_force(tmp_path, write):
    chat, roster, out = write(QQ_GROUP), write("姓名,部门\n何静,包装部\n", "p.csv"), tmp_path / "out"
    import_files([chat], out)
    (out / "fleet.yaml").write_text("people: []\n")
    before = written(out)
    with pytest.raises(ImportFailed, match=r"observations\.jsonl exists already; .* --force"):
        import_files([chat], out)
    with pytest.raises(ImportFailed, match=r"fleet\.yaml exists already"):
        import_files([roster], out)
    assert written(out) == before
    import_files([chat, roster], out, force=True)
    assert "何静" in (out / "fleet.yaml").read_text()


def test_a_failure_leaves_what_was_there(tmp_path, write):
    out = tmp_path / "out"
    import_files([write(QQ_GROUP)], out)
    before = written(out)
    broken = write(QQ_GROUP + "2026-13-40 8:00:00 何静(2100000002)\n收到\n", "broken.txt")
    with pytest.raises(
        ImportFailed,
        match=r"broken\.txt:34: there is no such date; correct or delete the line",
    ):
        import_files([broken], out, force=True)
    assert written(out) == before
    assert not list(tmp_path.glob(".import-*"))


def test_progress_adds_up_to_the_size_of_the_files(tmp_path, write):
    files = [write(QQ_GROUP + "2026-11-20 9:00:00 何静(2100000002)\n收到\n" * 20_000), write(QQ_GROUP, "b.txt")]
    told = []
    import_files(files, tmp_path / "out", progress=told.append)
    assert sum(told) == sum(path.stat().st_size for path in files)
    assert len(told) > 10
    assert min(told) >= 0


# WeChat text


def test_wechat_text_is_read(imported):
    seen, _ = imported(
        "微信群“包装车间夜班群”的聊天记录如下:\n\n—————  2026-11-20  —————\n\n\n"
        "周班长  21:05\n\n今晚盘点\n三号线先停\n\n"
        "何静  21:06\n\n收到\n"
    )
    assert [(one["platform"], one["sender"]["id"], one["text"]) for one in seen] == [
        ("wechat", "周班长", "今晚盘点\n三号线先停"),
        ("wechat", "何静", "收到"),
    ]
    assert seen[1]["sent_at"] - seen[0]["sent_at"] == 60_000


def test_wechat_text_needs_full_dates(refused):
    assert "export0:1: the date has no year" in refused("周班长 昨天 21:05\n今晚盘点\n", group="g1")


# JSON

MESSAGES = [archived(number) for number in range(1, 4)]
SHAPES = {
    "array": json.dumps(MESSAGES),
    "indented array": json.dumps(MESSAGES, indent=2, ensure_ascii=False),
    "messages": json.dumps({"messages": MESSAGES}),
    "indented wrapper": json.dumps({"errcode": 0, "errmsg": "ok", "messages": MESSAGES, "next": None}, indent=1),
    "wrapper in a wrapper": json.dumps({"code": 0, "data": {"total": 3, "list": MESSAGES}, "ok": True}),
    "one line of wrapper": json.dumps({"messages": MESSAGES}) + "\n",
    "lines": "".join(json.dumps(one) + "\n" for one in MESSAGES),
    "lines without the last end": "\n".join(json.dumps(one) for one in MESSAGES),
    "blank lines": "\n\n".join(json.dumps(one) for one in MESSAGES),
    "documents one after another": "\n".join(json.dumps(one, indent=1) for one in MESSAGES),
    "pages, one a line": "".join(json.dumps({"data": [one]}) + "\n" for one in MESSAGES),
    "in the page's envelope": json.dumps(
        {"errcode": 0, "chatdata": [{"seq": 9, "msgid": one["msgid"], "message": one} for one in MESSAGES]}
    ),
    "bodies under one name": json.dumps([{**one, "text": None, "content": one["text"]} for one in MESSAGES]),
    "with a mark": "\ufeff" + json.dumps(MESSAGES),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_archive_may_come_in_any_shape(imported, shape):
    seen, _ = imported(SHAPES[shape])
    assert [(one["id"], one["text"]) for one in seen] == [
        (f"wecom:m{number}", f"第{number}批已装车") for number in (1, 2, 3)
    ]


def test_what_an_archive_says_is_kept(imported):
    reply = "这是一条引用/回复消息：\n“周班长：\n谁顶班？”\n------\n我来"
    mixed = {
        "item": [{"type": "text", "content": '{"content": "看图"}'}, {"type": "image", "content": '{"md5sum": "0c"}'}]
    }
    seen, result = imported(
        json.dumps(
            [
                archived(1, text={"content": reply}),
                archived(2, action="recall", msgtype="revoke", revoke={"pre_msgid": "m1"}),
                archived(3, msgtype="mixed", mixed=mixed),
                archived(4, msgtype="external_redpacket", redpacket={"wish": "大吉大利", "totalamount": 3000}),
                archived(5, msgtype="some_future_type"),
                archived(6, roomid=""),
                {"msgid": "7", "action": "switch", "time": 1_795_243_500_000, "user": "hejing"},
                archived(8, **{"from": "wm" + "T" * 30}),
            ]
        )
    )
    replied, recalled, picture, packet, unknown, outside = seen
    assert (replied["text"], replied["reply_to"]["quoted_text"]) == ("我来", "谁顶班？")
    assert recalled["recall_of"]["id"] == replied["id"]
    assert (picture["kind"], picture["text"], picture["attachments"]) == (
        "mixed",
        "看图",
        [{"kind": "image", "md5": "0c"}],
    )
    assert packet["money"] == {"type": "red_packet", "wish": "大吉大利", "amount_fen": 3000}
    assert (unknown.get("kind", "unknown"), unknown["flags"]) == ("unknown", ["msgtype:some_future_type"])
    assert outside["sender"]["scope"] == "external"
    assert result.notes.left_out == {"message between two people": 1, "log-in record": 1}


def test_bridges_logs_are_read(imported):
    plain = {
        "post_type": "message", "message_type": "group", "self_id": 3, "user_id": 2100000002, "time": 1_795_243_500,
        "message_id": 77, "real_seq": "58", "group_id": 700100200, "group_name": "夜班群",
        "sender": {"user_id": 2100000002, "nickname": "何静", "card": "", "role": "admin"},
    }  # fmt: skip
    parts = [
        {"type": "at", "data": {"qq": "2100000001", "name": "周班长"}},
        {"type": "text", "data": {"text": " 到了"}},
    ]
    seen, _ = imported(
        json.dumps(
            [
                plain | {"message": parts},
                plain | {"message_id": 78, "real_seq": "59", "message": "价&#91;低&#93;[CQ:image,file=a.jpg]"},
                {"post_type": "notice", "notice_type": "group_recall", "self_id": 3, "group_id": 700100200,
                 "user_id": 2100000002, "operator_id": 2100000002, "message_id": 77, "time": 1_795_243_560},
                {"post_type": "meta_event", "meta_event_type": "heartbeat", "self_id": 3, "time": 1_795_243_561},
            ]
        )
    )  # fmt: skip
    said, picture, recalled = seen
    assert said["id"] == "onebot11:g700100200:s58"
    assert said["mentions"] == [{"id": "2100000001", "name": "周班长"}]
    assert said["sender"]["role"] == "administrator"
    assert (picture["text"], picture["kind"]) == ("价[低]", "mixed")
    assert (recalled["type"], recalled["recall_of"]["id"]) == ("message.recalled", said["id"])


def test_observations_pass_through_byte_for_byte(tmp_path, write):
    lines = [
        '{"v":1,"id":"m1", "type":"message.created","sent_at":1,"group":{"id":"g1"},"raw":{"own":[1, 2.50]},"text":"好"}',
        '{"type":"clock.tick","sent_at":2}',
        '{"type":"clock.tick","sent_at":3}',
    ]
    import_files([write("\n".join(lines), "o.jsonl")], tmp_path / "out")
    assert (tmp_path / "out" / "observations.jsonl").read_text().splitlines() == lines


def test_torn_lines_of_a_log_are_left_out_and_told(imported):
    lines = [json.dumps(one) for one in MESSAGES]
    seen, result = imported("\n".join([lines[0], lines[1][:40], "[1]", lines[2][:-1] + ', "n": "\\ud800"}']))
    assert [one["id"] for one in seen] == ["wecom:m1"]
    told = [line.replace(line[line.index("first: ") + 7 : line.rindex("/") + 1], "") for line in result.notes.lines()]
    assert told == [
        "left out: 2 × line that is not JSON (first: export0:2)",
        "left out: 1 × JSON value that is no object (first: export0:3)",
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "文"]), inner, max_size=3),
    max_leaves=6,
)


@given(
    items=st.lists(JSON_VALUES, min_size=1, max_size=6),
    before=st.dictionaries(st.sampled_from(["code", "msg", "total"]), JSON_VALUES, max_size=2),
    indent=st.sampled_from([None, 1]),
    plain=st.booleans(),
    piece=st.integers(1, 9),
)
def test_documents_are_read_alike_in_pieces_of_any_size(tmp_path_factory, items, before, indent, plain, piece):
    path = tmp_path_factory.getbasetemp() / "document.json"
    path.write_text(json.dumps([*items] if plain else {**before, "messages": items}, indent=indent, ensure_ascii=False))
    source = Source(path)
    source.piece = piece
    found = list(json_items(source, Notes()))
    assert [json.loads(item) for _, item in found] == items


def test_items_of_a_document_know_their_lines(write):
    path = write('{"errcode": 0,\n"messages": [\n  {"a": 1}, {"b": 2},\n\n  {"c":\n 3}\n]}')
    assert [place.rpartition(":")[2] for place, _ in json_items(Source(path), Notes())] == ["3", "3", "5"]


@pytest.mark.parametrize("shape", ["document", "lines", "qq"])
def test_memory_does_not_grow_with_the_file(tmp_path, write, monkeypatch, shape):
    monkeypatch.setattr(Source, "piece", 1 << 14)
    sizes = []

    def peak(count):
        many = (json.dumps(archived(number), ensure_ascii=False) for number in range(count))
        said = (
            f"2026-11-20 9:00:00 何静(2100000002)\n第{number}批已装车，请核对单据后签字\n" for number in range(count)
        )
        content = {
            "document": lambda: f"[{','.join(many)}]",
            "lines": lambda: "\n".join(many),
            "qq": lambda: "".join(said),
        }
        path = write(content[shape](), f"{shape}{count}")
        sizes.append(path.stat().st_size)
        tracemalloc.start()
        import_files([path], tmp_path / f"out{count}", group="g1")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(2_000), peak(8_000)
    assert large - small < (sizes[1] - sizes[0]) / 4


# Rosters


def people_of(tmp_path):
    fleet = load_fleet(tmp_path / "out" / "fleet.yaml")
    return {person.name: person for person in fleet.people}


def test_a_roster_from_a_spreadsheet_becomes_a_fleet(tmp_path, write):
    table = (
        "包装车间通讯录,,,,,,,,,\r\n"
        "工号,姓名,部门,职务,微信号,QQ号,手机号,状态,入职日期,上级\r\n"
        '0017,周建,包装部,"班长,兼安全员",zhou_j,="2100000001",13900000000,在职,2019/3/4,\r\n'
        "0018,何静,包装部,操作员,,2100000002 / 2100000003,,试用,2026年1月5日,周建\r\n"
        ",,,,,,,,,\r\n"
        "0019,郑好,质检部,质检员,,,,离职,20200101,0017\r\n"
    )
    result = import_files([write(table, "p.csv", "gb18030")], tmp_path / "out")
    people = people_of(tmp_path)
    assert list(people) == ["周建", "何静", "郑好"]
    head, new, left = people.values()
    assert (head.id, head.department, head.post, head.joined_at) == ("0017", "包装部", "班长,兼安全员", "2019-03-04")
    assert [(one.platform, one.id) for one in head.accounts] == [("onebot11", "2100000001"), ("wechat", "zhou_j")]
    assert (new.status, new.joined_at, new.supervisor) == ("probation", "2026-01-05", "0017")
    assert [one.id for one in new.accounts] == ["2100000002", "2100000003"]
    assert (left.status, left.supervisor) == ("left", "0017")
    assert len(result.notes.remarks) == 1
    assert result.notes.remarks[0].endswith(
        "p.csv:2: not used: 手机号; columns that are used: 工号, 姓名, 部门, 单位, 职务, 状态, 入职日期, 离职日期, "
        "调岗日期, 标签, 上级, QQ号, 微信号, 企业微信, 微信昵称, 账号"
    )


@pytest.mark.parametrize(
    ("split", "encoding"), [(",", "utf-8"), (",", "utf-8-sig"), ("\t", "utf-16"), (";", "gb18030"), ("，", "utf-8")]
)
def test_rosters_may_come_in_any_encoding_and_with_any_separator(tmp_path, write, split, encoding):
    table = "姓名,部门,QQ号\n周建,包装部,2100000001\n".replace(",", split)
    import_files([write(table, "p.csv", encoding)], tmp_path / "out")
    assert people_of(tmp_path)["周建"].accounts[0].id == "2100000001"


def test_column_names_are_read_as_people_write_them(tmp_path, write):
    import_files([write("*姓 名,QQ号（必填）,微信昵称\n周建,2100000001,班长 老周\n", "p.csv")], tmp_path / "out")
    assert [one.id for one in people_of(tmp_path)["周建"].accounts] == ["2100000001", "班长 老周"]


def test_a_roster_knows_the_senders_of_a_chat(tmp_path, write):
    import_files([write(QQ_GROUP), write("姓名,QQ号\n周建,2100000001\n", "p.csv")], tmp_path / "out")
    fleet = tmp_path / "out" / "fleet.yaml"
    directory = Directory(load_fleet(fleet))
    first = json.loads((tmp_path / "out" / "observations.jsonl").read_bytes().splitlines()[0])
    assert directory.subject(first["platform"], first["sender"]["id"]) == "周建"
    # The groups found stand there to be filled in, and do not count before.
    assert not directory.fleet.groups
    assert "#  - {id: 包装车间夜班群, platform: onebot11, name: 包装车间夜班群}" in fleet.read_text("utf-8")


def test_ids_of_people_do_not_follow_from_their_place(tmp_path, write):
    rows = ["周建,包装部,2100000001", "何静,包装部,2100000002", "周建,质检部,2100000003"]
    found = []
    for number, order in enumerate((rows, rows[::-1])):
        import_files([write("\n".join(["姓名,部门,QQ号", *order]), "p.csv")], tmp_path / f"{number}")
        fleet = load_fleet(tmp_path / f"{number}" / "fleet.yaml")
        found.append({person.accounts[0].id: person.id for person in fleet.people})
    assert found[0] == found[1] == {"2100000001": "周建-包装部", "2100000002": "何静", "2100000003": "周建-质检部"}


def test_a_row_that_stands_there_twice_is_read_once_and_told(tmp_path, write):
    paths = [
        write("姓名,QQ号\n周建,21000001\n何静,21000002\n周建,21000001\n", "a.csv"),
        write("姓名,QQ号\n何静,21000002\n", "b.csv"),
    ]
    result = import_files(paths, tmp_path / "out")
    assert list(people_of(tmp_path)) == ["周建", "何静"]
    assert [line.replace(f"{tmp_path}/", "") for line in result.notes.remarks] == [
        "a.csv:4: the same as line 2; read once",
        "b.csv:2: the same as a.csv:3; read once",
    ]


def test_names_that_mean_something_to_yaml_stay_names(tmp_path, write):
    names = ["null", "1", "yes", "a: b", "#x", "2026-01-05", "{", "\u2028x", "😀"]
    import_files([write("姓名;部门\n" + "\n".join(f"{name};d" for name in names), "p.csv")], tmp_path / "out")
    assert [name.strip() for name in people_of(tmp_path)] == [name.strip() for name in names]


def test_all_mistakes_of_a_roster_are_told_at_once(refused):
    told = refused(
        "工号,姓名,QQ号,状态,入职日期,账号\n"
        "1,周建,2.1E+09,在职,2019-03-04,\n"
        "1,何静,21000002,在职,,\n"
        "3,郑好,21000004,返聘,2019-02-30,\n"
        "4,,21000005,在职,,\n"
        "5,钱多,21000004,在职,去年,zhou\n"
        "6,孙立,21000006,在职,2019-03-04,,多\n"
    )
    assert told.splitlines() == [
        "export0:2: the spreadsheet shortened a number to 2.1E+09; format the column as text and save anew",
        "export0:5: 姓名 is empty; fill it in or delete the line",
        "export0:6: account zhou has no platform; write it such as onebot11:zhou",
        "export0:7: 7 cells under 6 columns; put cells with commas in quotes",
        "export0:3: 1 stands already in line 2; delete one",
        "export0:6: account onebot11:21000004 belongs already to line 4; correct one of them",
        "export0:4: 2019-02-30 is no date; write 2026-01-05 or leave it empty",
        "export0:4: status 返聘 is not known; write 在职, 试用, 离职 or 调岗",
        "export0:6: 去年 is no date; write 2026-01-05 or leave it empty",
    ]


def test_namesakes_of_one_department_need_a_number(refused):
    assert refused("姓名,部门,QQ号\n周建,包装部,21000001\n周建,包装部,21000002\n") == (
        "export0:3: 周建-包装部 stands already in line 2; delete one, or tell them apart in a column 工号"
    )


# Errors


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "export0: the file is empty"),
        (b"PK\x03\x04....", "export0: this is an Excel workbook or another packed file; open it and save the table as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "export0: this is an old Excel workbook"),
        (b"From: <Save by Tencent MsgMgr>\n", "choose 文本文件 (*.txt)"),
        ("今天天气很好\n", "export0:1: this is no export that is known; expected QQ text (2026-01-05 09:12:33 name(12345))"),
        ("部门,职务\n包装部,班长\n", "or a CSV roster with a column 姓名"),
        ("姓名,部门,所属部门\n周建,a,b\n", "export0:1: columns 部门 and 所属部门 mean the same"),
        (QQ_GROUP.encode()[:-80] + b"\xff\n", "export0:29: a character is damaged in this UTF-8 file"),
        (QQ_GROUP.replace("8:07:30", "8:77:30"), "export0:19: there is no such time of day; correct or delete the line"),
        (gzip.compress(QQ_GROUP.encode() * 50)[:-20], "the gzip data is damaged"),
        (json.dumps(MESSAGES, indent=1)[:-40], "export0:41: the JSON ends in the middle; export the file anew"),
        ('[\n{"msgid": 1},\n{"msgid" 2}\n]', "export0:3: this is no JSON"),
        ('{"chatdata": [{"seq": 1, "msgid": "1", "encrypt_chat_msg": "x"}]}', "export0:1: the archive is still encrypted"),
        ('[{"one": 1}]', "there is nothing to import in these files"),
        (b'[{"text": "\xff"}]', "export0: JSON has to be UTF-8"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_told_in_a_sentence(refused, content, told):
    assert told in refused(content)


def test_a_time_zone_that_does_not_exist_is_told(refused):
    assert refused(QQ_GROUP, timezone="Mars/Base").startswith("--timezone Mars/Base: there is no such time zone")


def test_messages_never_stand_in_errors(refused):
    for content in (QQ_FRIEND, QQ_GROUP.replace("8:08:30", "8:08:77"), '[{"text": "工资" "密"}]'):
        told = refused(content)
        assert not any(word in told for word in ("谁来顶", "禁言", "盘点", "工资"))


# The command


def run(*arguments):
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    return done.value.code


def test_from_export_to_replay(tmp_path, write, capsys):
    chat = write(QQ_GROUP + "2026-11-20 9:00:00 小美(2100000009)\n厂外兼职日结五百，加V：ab_c123，名额有限\n")
    roster = write("姓名,部门,职务,微信号,QQ号,手机号\n周建,包装部,班长,,2100000001,13900000000\n", "p.csv", "gb18030")
    out = tmp_path / "out"
    assert run("import", chat, roster, "--out", out, "--group", "g1") == 0
    told = capsys.readouterr().out
    assert f"8 observations, groups: 1, written to {out}/observations.jsonl" in told
    assert f"1 people, written to {out}/fleet.yaml" in told
    assert "not used: 手机号" in told
    assert run("import", chat, "--out", out) == 2
    assert "--force" in capsys.readouterr().err
    assert run("import", chat, roster, "--out", out, "--group", "g1", "--force") == 0
    done = tmp_path / "done"
    replay = (
        "replay",
        out / "observations.jsonl",
        "--fleet",
        out / "fleet.yaml",
        "--pack",
        "xianchuang",
        "--out",
        done,
    )
    assert run(*replay) == 0
    verdicts = [json.loads(line) for line in (done / "verdicts.jsonl").read_text().splitlines()]
    accused = {found["subject"]["id"] for one in verdicts for found in one["violations"]}
    assert "onebot11:2100000009" in accused
    assert "onebot11:2100000001" not in accused
    assert (done / "deadletters.jsonl").read_text() == ""


def test_a_file_that_is_not_there_is_told(tmp_path, capsys):
    assert run("import", tmp_path / "none.txt", "--out", tmp_path / "out") == 2
    assert "there is no such file" in capsys.readouterr().err
