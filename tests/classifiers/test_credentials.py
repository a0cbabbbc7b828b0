"""Passwords and keys are found by their values; words about them are not."""

import time

import pytest

from classifiers.folding import fold, fold_batch
from classifiers.patterns import find_in_file_names, find_patterns, to_read
from models import Observation
from models.observation import Attachment

# Written in pieces, so that no scanner takes this file for a leak.
AMAZON = "AKIA" + "ABCDEFGHIJKL2345"
TOLD = [
    ("测试库密码：Qw8#zz12", "账号密码"),
    ("口令改成了Rt5_kk09", "账号密码"),
    ("pwd: a1b2c3d4e5", "账号密码"),
    ("账密 admin / Ab#2025xy", "账号密码"),
    (f"{AMAZON} 存好", "密钥"),
    ("-----BEGIN " + "EC PRIVATE KEY-----\nMHcCAQEEI", "密钥"),
    ("mongo" + "db://app:Zk81pqr@db1:27017/x", "带密码的连接串"),
    ("商户密钥 key=0123456789abcdef0123456789abcdef", "密钥"),
    ("授权码是abcdefghijklmnop", "授权码"),
]
NOT_TOLD = [
    "密码忘了，怎么重置",
    "密码至少12位，含大小写",
    "密码：******",
    "password=changeme",
    'password = "test"',
    "mongo" + "db://<user>:<password>@<host>/x",
    "api_key=${API_KEY_FROM_ENVIRONMENT}",
    "会议号 123 456 789 密码 0815",
    "初始密码 123456，登录后改",
    "token 过期了，报401，重新登录 https://a.example.com",
    "密码用 SHA256 加盐存",
    "口令不要用 admin123456 这种",
]


def credentials(text: str) -> list[str]:
    return [one.why for one in find_patterns(text, fold(text)) if one.category == "credential"]


@pytest.mark.parametrize(("text", "what"), TOLD)
def test_what_opens_something_is_found_and_its_value_not_kept(text: str, what: str) -> None:
    [*found] = [one for one in find_patterns(text, fold(text)) if one.category == "credential"]
    assert f"内容含{what}" in [one.why for one in found]
    assert all(one.matched is None for one in found)
    assert to_read([text], fold_batch([text])) == [0]


@pytest.mark.parametrize("text", NOT_TOLD)
def test_words_about_passwords_tell_none(text: str) -> None:
    assert credentials(text) == []


def test_places_count_the_text_as_written() -> None:
    text = "😀😀 密码：Qw8#zz12"
    [found] = [one for one in find_patterns(text, fold(text)) if one.category == "credential"]
    assert found.span is not None
    assert text[slice(*found.span)] == "密码："


@pytest.mark.parametrize("piece", ["密码是a", "eyJaaaaaaaaaaaa.", "a://b:c", "key=a1", "密码："])
def test_long_texts_of_near_misses_take_no_longer_than_their_length(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    before = time.process_time()
    credentials(text)
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("九月工资发放表.xlsx", True),
        ("全部客户明细.csv", True),
        ("工资卡变更申请表模板.docx", False),
        ("客户资料空白表.xlsx", False),
        ("绩效方案公示.pdf", False),
        ("客户来访照片.jpg", False),
    ],
)
def test_names_of_files_that_a_house_keeps(name: str, kept: bool) -> None:
    seen = Observation(type="message.created", sent_at=0, kind="file", attachments=(Attachment(name=name),))
    assert ("leak" in [one.category for one in find_in_file_names(seen)]) is kept
