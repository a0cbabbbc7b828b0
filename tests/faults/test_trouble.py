"""What a host and a service do when the store, or a part of them, fails for a moment."""

import json

import pytest
import sqlalchemy as sa

from classifiers.measure import Classifiers
from models import Fleet
from policies.directory import Directory
from policies.lint import load_packs
from streams.embedded import Embedded
from streams.store import Store, StoreUnavailable, dead_letters, groups_seen, judged

WORDS = "三号机已复位"


def a_message(id):
    message = {"type": "message.created", "id": id, "group": {"id": "g1"}, "sender": {"id": "u1"}, "text": WORDS}
    return json.dumps({**message, "sent_at": 1_795_051_800_000}).encode()


def locked(*_):
    raise sa.exc.OperationalError("SELECT", {"text": WORDS}, Exception("disk I/O error"))


@pytest.fixture(scope="module")
def classifiers():
    return Classifiers.load()


@pytest.fixture
def host(tmp_path, classifiers):
    return Embedded(Store(tmp_path / "xunqun.db"), classifiers, load_packs(), Directory(Fleet()))


def test_a_read_that_fails_is_no_fault_of_the_record(host, monkeypatch):
    host.append([a_message("m1"), a_message("m2")], 0)
    with monkeypatch.context() as broken:
        broken.setattr(host.store, "load", locked)
        with pytest.raises(StoreUnavailable):
            host.step()
    host.drain()
    assert not host.store.connection.execute(sa.select(dead_letters)).all()
    assert host.store.connection.scalar(sa.select(sa.func.sum(judged.c.count))) == 2
    host.store.close()


def test_a_group_is_entered_although_its_first_message_came_at_a_bad_time(host, monkeypatch):
    host.append([a_message("m1")], 0)
    with monkeypatch.context() as broken:
        broken.setattr(host.store, "save", locked)
        with pytest.raises(StoreUnavailable):
            host.step()
    host.drain()
    assert host.store.connection.scalars(sa.select(groups_seen.c.key)).all() == ["jsonl:g1"]
    host.store.close()
