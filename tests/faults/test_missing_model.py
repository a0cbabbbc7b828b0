"""Weights that are missing or damaged: the service runs, says so, and reads nothing as clean or as guilty."""

import json
import shutil
import time

import aiohttp
import pytest
from processes import rows, until

from classifiers.trained.registry import default_dir
from models.signal import TRAINED_CATEGORIES

# Words alone prove it; a pattern proves it; only the trained model can prove it; nothing is wrong with it.
WORDS = "今晚牛牛开房，注册送彩金"
PATTERN = "麻烦登记一下，身份证号码110101199003074477"
LEARNT = "加我微信了解兼职，每天稳定两三百，名额有限"
HARMLESS = "三号机已复位"


@pytest.fixture
def weights(tmp_path):
    return shutil.copytree(default_dir(), tmp_path / "weights")


def _gone(folder):
    shutil.rmtree(folder)


def _without_weights(folder):
    next(folder.glob("*.npy")).unlink()


def _cut_short(folder):
    path = next(folder.glob("*.npy"))
    path.write_bytes(path.read_bytes()[:-4096])


def _cut_to_nothing(folder):
    next(folder.glob("*.npy")).write_bytes(b"")


def _garbled(folder):
    path = folder / "card.json"
    path.write_bytes(path.read_bytes()[:100])


@pytest.fixture
async def judge(tmp_path, xunqun):
    """Posts the texts to a service with these weights; the program and the verdict on each text, None for none."""

    async def judge(weights, *texts):
        program = await xunqun("run", "--dir", tmp_path / "var", "--port", 0, "--model", weights)
        async with aiohttp.ClientSession(await program.ready()) as session:
            for text in texts:
                message = {"type": "message.created", "id": text, "group": {"id": "g1"}, "sender": {"id": "u1"}}
                message |= {"kind": "text", "text": text, "sent_at": time.time_ns() // 1_000_000}
                async with session.post("/observations", data=json.dumps(message)) as response:
                    assert response.status == 202
            judged = "SELECT coalesce(sum(count), 0) FROM judged"
            await until(lambda: rows(tmp_path / "var", judged) == [(len(texts),)], "all is judged")
            async with session.get("/ready") as response:
                assert response.status == 200
        assert await program.stop() == 0, program.errors
        found = [json.loads(body) for (body,) in rows(tmp_path / "var", "SELECT body FROM verdicts")]
        by_text = {one["observation_id"]: one for one in found}
        return program, [by_text.get(text) for text in texts]

    return judge


async def test_with_whole_weights_the_model_speaks(judge, weights):
    """Without this the tests below would prove nothing."""
    program, (words, pattern, learnt, harmless) = await judge(weights, WORDS, PATTERN, LEARNT, HARMLESS)
    assert program.errors == ""
    assert words["violations"]
    assert pattern["violations"]
    assert learnt["violations"]
    assert not any(one["unavailable"] for one in (words, pattern, learnt))
    assert harmless is None


@pytest.mark.parametrize("damage", [_gone, _without_weights, _cut_short, _cut_to_nothing, _garbled])
async def test_without_weights_words_and_patterns_judge_and_the_rest_is_unavailable(judge, weights, damage):
    damage(weights)
    program, (words, pattern, learnt, harmless) = await judge(weights, WORDS, PATTERN, LEARNT, HARMLESS)
    (sentence,) = program.errors.splitlines()
    assert sentence.startswith("xunqun: ")
    assert str(weights) in sentence
    assert "xunqun model train" in sentence
    assert words["violations"]
    assert pattern["violations"]
    for verdict in (learnt, harmless):
        # Not guilty, not in doubt, and not clean either.
        assert (verdict["violations"], verdict["uncertain"]) == ([], [])
    for verdict in (words, pattern, learnt, harmless):
        missing = {one["category"] for one in verdict["unavailable"]}
        assert {"ads", "fraud", "gambling", "porn"} <= missing <= set(TRAINED_CATEGORIES)
        assert all(str(weights) in one["why"] for one in verdict["unavailable"])
        assert verdict.get("model") is None
        for found in (*verdict["violations"], *verdict["uncertain"]):
            assert found["evidence"]
            assert not any(item["signal"].startswith("trained") for item in found["evidence"])


@pytest.mark.parametrize("damage", [_gone, _cut_short])
async def test_doctor_lists_the_weights(tmp_path, xunqun, weights, damage):
    async def weights_found():
        doctor = await xunqun("doctor", "--json", "--dir", tmp_path / "var", model=weights)
        code = await doctor.ended()
        return code, {one["what"]: one for one in json.loads(doctor.output)}["weights"]

    assert (await weights_found())[1]["state"] == "ok"
    damage(weights)
    code, found = await weights_found()
    assert (code, found["state"]) == (1, "wrong")
    assert str(weights) in found["told"]
    assert "reported as unavailable" in found["told"]
