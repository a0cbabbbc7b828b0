"""Text of a day can be read while the day's key is there, and by nobody afterwards."""

import multiprocessing
import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import LoadError
from streams.text_keys import DAY, OVERHEAD, DayKeys, KeyUnavailable, TextExpired, exposed, found

# 2026-11-18
AT = 1_794_963_600_000
WORDS = "请加微信 xunqun-520，内部价".encode()


@pytest.fixture
def keys(tmp_path):
    return DayKeys(tmp_path / "keys", "text")


def test_what_was_encrypted_comes_back_and_shows_nothing(keys):
    stored = keys.encrypt(WORDS, AT)
    assert keys.decrypt(stored) == WORDS
    assert b"xunqun" not in stored
    assert len(stored) == len(WORDS) + OVERHEAD
    assert keys.read(keys.write("词\ud83d", AT)) == "词\ud83d"
    assert "词" not in keys.write("词", AT)


@given(st.binary(max_size=200))
def test_any_bytes_come_back(tmp_path_factory, plain):
    keys = DayKeys(tmp_path_factory.getbasetemp() / "some-keys", "text")
    assert keys.decrypt(keys.encrypt(plain, AT)) == plain


def test_what_is_written_twice_is_the_same_and_of_another_day_is_not(keys, tmp_path):
    assert keys.encrypt(WORDS, AT) == keys.encrypt(WORDS, AT + 1000) == DayKeys(keys.folder, "text").encrypt(WORDS, AT)
    assert keys.encrypt(WORDS, AT)[6:] != keys.encrypt(WORDS, AT + DAY)[6:]
    assert keys.encrypt(WORDS, AT) != DayKeys(tmp_path / "elsewhere", "text").encrypt(WORDS, AT)
    assert keys.encrypt(WORDS, AT)[6:18] != keys.encrypt(WORDS + b".", AT)[6:18]


def test_a_destroyed_key_deletes_the_text_of_its_day_alone(keys):
    old, fresh = keys.encrypt(WORDS, AT), keys.encrypt(WORDS, AT + DAY)
    assert keys.destroy(date(2026, 11, 19)) == [date(2026, 11, 18)]
    with pytest.raises(TextExpired):
        keys.decrypt(old)
    assert keys.decrypt(fresh) == WORDS
    # Nobody makes it anew: what is written late of that day is past its time.
    with pytest.raises(TextExpired):
        keys.encrypt(WORDS, AT)
    assert list(keys.days()) == [(date(2026, 11, 18), False), (date(2026, 11, 19), True)]
    assert keys.destroy(date(2026, 11, 19)) == []


def test_a_destruction_that_a_crash_cut_short_is_finished_by_the_next(keys):
    keys.encrypt(WORDS, AT)
    (keys.folder / "text-2026-11-18.destroyed").touch()
    assert list(keys.days()) == [(date(2026, 11, 18), True)]
    with pytest.raises(TextExpired):
        DayKeys(keys.folder, "text").encrypt(WORDS, AT)
    assert keys.destroy(date(2026, 11, 19)) == [date(2026, 11, 18)]
    assert [path.suffix for path in keys.folder.iterdir()] == [".destroyed"]


def test_a_key_that_is_being_overwritten_encrypts_nothing(keys, monkeypatch):
    stored = keys.encrypt(WORDS, AT)
    read = Path.read_bytes

    def overwritten(path):
        # Somebody destroys it between our look at the folder and our reading.
        (keys.folder / "text-2026-11-18.destroyed").touch()
        return bytes(len(read(path)))

    monkeypatch.setattr(Path, "read_bytes", overwritten)
    other = DayKeys(keys.folder, "text")
    with pytest.raises(TextExpired):
        other.encrypt(WORDS, AT)
    with pytest.raises(TextExpired):
        other.decrypt(stored)


def test_two_that_destroy_at_once_do_not_disturb_each_other(keys, monkeypatch):
    keys.encrypt(WORDS, AT)
    other, seen = DayKeys(keys.folder, "text"), list(keys.days())
    monkeypatch.setattr(other, "days", lambda: seen)
    assert keys.destroy(date(2026, 11, 19)) == other.destroy(date(2026, 11, 19)) == [date(2026, 11, 18)]


def test_a_key_that_cannot_be_destroyed_is_said_in_a_sentence(keys, monkeypatch):
    keys.encrypt(WORDS, AT)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refused)
    with pytest.raises(KeyUnavailable, match=r"no key can be destroyed in .*: Permission denied"):
        keys.destroy(date(2026, 11, 19))


def test_files_that_are_no_keys_are_passed_over(keys):
    keys.encrypt(WORDS, AT)
    for name in ("text-copy.key", "text-20261118.key", "text-2026-11-18 (1).key"):
        (keys.folder / name).write_bytes(b"")
    assert keys.destroy(date(2026, 11, 19)) == [date(2026, 11, 18)]


def test_marks_are_on_disk_before_any_key_is_overwritten(keys, monkeypatch):
    keys.encrypt(WORDS, AT)
    keys.encrypt(WORDS, AT + DAY)
    done = []
    monkeypatch.setattr("streams.text_keys._sync", lambda folder: done.append(sorted(os.listdir(folder))))
    monkeypatch.setattr("os.fsync", lambda number: done.append("overwritten"))
    keys.destroy(date(2026, 11, 20))
    both = [f"text-2026-11-{day}.{ending}" for day in (18, 19) for ending in ("destroyed", "key")]
    assert done == [both, "overwritten", "overwritten", [one for one in both if one.endswith(".destroyed")]]


def test_another_process_forgets_a_destroyed_key_within_half_a_minute(keys, monkeypatch):
    other = DayKeys(keys.folder, "text")
    stored = other.encrypt(WORDS, AT)
    keys.destroy(date(2026, 11, 19))
    assert other.decrypt(stored) == WORDS
    now = __import__("time").monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + 31)
    with pytest.raises(TextExpired):
        other.decrypt(stored)


def test_keys_expire_when_their_whole_day_is_past_its_time(keys):
    stored = keys.encrypt(WORDS, AT)
    midnight = (AT // DAY + 1) * DAY
    assert keys.expire(midnight - 1) == []
    assert keys.decrypt(stored) == WORDS
    assert keys.expire(midnight) == [date(2026, 11, 18)]


def test_kinds_have_keys_of_their_own(keys):
    evidence = DayKeys(keys.folder, "evidence")
    stored = evidence.encrypt(WORDS, AT)
    keys.encrypt(WORDS, AT)
    keys.destroy(date(2027, 1, 1))
    assert evidence.decrypt(stored) == WORDS
    with pytest.raises(TextExpired):
        keys.decrypt(stored)


def test_a_key_that_is_elsewhere_is_waited_for_and_not_taken_for_destroyed(keys, tmp_path):
    stored = keys.encrypt(WORDS, AT)
    with pytest.raises(KeyUnavailable, match="XUNQUN_KEYS"):
        DayKeys(tmp_path / "other", "text").decrypt(stored)


def test_a_host_that_has_not_mounted_the_folder_makes_no_keys_of_its_own(tmp_path):
    mounted, bare = tmp_path / "mounted", tmp_path / "bare"
    assert found(mounted)
    assert not found(mounted)
    stored = DayKeys(mounted, "text", shared=True).encrypt(WORDS, AT)
    assert DayKeys(mounted, "text", shared=True).decrypt(stored) == WORDS
    bare.mkdir()
    for folder in (bare, tmp_path / "nowhere"):
        with pytest.raises(KeyUnavailable, match="keys init"):
            DayKeys(folder, "text", shared=True).encrypt(WORDS, AT)
        with pytest.raises(KeyUnavailable):
            DayKeys(folder, "text", shared=True).decrypt(stored)
    assert list(bare.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("trouble", [PermissionError(13, "no"), OSError(116, "stale"), OSError(5, "broken")])
def test_a_folder_that_cannot_be_read_now_is_waited_for(keys, monkeypatch, trouble):
    stored = keys.encrypt(WORDS, AT)

    def broken(*_):
        raise trouble

    for name in ("read_bytes", "exists"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, name, broken)
            with pytest.raises(KeyUnavailable, match="cannot be read"):
                DayKeys(keys.folder, "text").decrypt(stored)


def test_a_damaged_key_is_waited_for(keys):
    stored = keys.encrypt(WORDS, AT)
    (key,) = keys.folder.glob("*.key")
    key.write_bytes(b"")
    with pytest.raises(KeyUnavailable, match="damaged"):
        DayKeys(keys.folder, "text").decrypt(stored)


def test_what_was_changed_is_not_read(keys):
    stored = bytearray(keys.encrypt(WORDS, AT))
    stored[-1] ^= 1
    with pytest.raises(LoadError, match="changed"):
        keys.decrypt(bytes(stored))
    for length in range(2, OVERHEAD):
        with pytest.raises(LoadError, match="cut short"):
            keys.decrypt(bytes(stored[:length]))


def test_what_was_stored_before_there_were_keys_stays_readable(keys):
    assert keys.decrypt(b'{"text":"x"}') == b'{"text":"x"}'
    assert keys.read("xk1:说的是我") == "xk1:说的是我"
    assert keys.read("xk1:aGVsbG8=") == "xk1:aGVsbG8="


@pytest.mark.parametrize("at", [-1, 10**18])
def test_a_day_that_cannot_be_is_past_its_time_and_makes_no_key(keys, at):
    with pytest.raises(TextExpired):
        keys.encrypt(WORDS, at)
    assert not list(keys.days())


def _encrypted(folder, queue):
    queue.put(DayKeys(folder, "text").encrypt(WORDS, AT))


def test_processes_that_begin_at_once_share_one_key(keys):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    some = [context.Process(target=_encrypted, args=(keys.folder, queue)) for _ in range(8)]
    for one in some:
        one.start()
    found = {queue.get(timeout=20) for _ in some}
    for one in some:
        one.join(20)
    assert len(found) == 1
    assert [path.suffix for path in keys.folder.iterdir()] == [".key"]


def test_nobody_else_may_read_keys(keys):
    keys.encrypt(WORDS, AT)
    assert exposed(keys.folder) == []
    (key,) = keys.folder.glob("*.key")
    key.chmod(0o644)
    assert exposed(keys.folder) == [key]


def test_a_folder_that_cannot_be_is_said_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyUnavailable, match="cannot be read: Not a directory"):
        DayKeys(tmp_path / "file" / "keys", "text").encrypt(WORDS, AT)
    assert os.listdir(tmp_path) == ["file"]
