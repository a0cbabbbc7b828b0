"""What one would write in an afternoon: stock faust, jieba, a word list and scikit-learn, one message at a time.

    BROKER=127.0.0.1:9092 TOPIC=observations N=10000 python benchmarks/peers/stock_faust.py

Reads TOPIC from its beginning and prints "R messages/s" over N messages, timed from the first one. No pack is judged, no
state is kept, nobody is told. Words and training texts are the project's own, so that both sides know the same.
"""

import json
import os
import sys
import time
import uuid
from pathlib import Path

import faust
import jieba
import yaml
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

CLASSIFIERS = Path(__file__).resolve().parents[2] / "classifiers"
WANTED = int(os.environ.get("N", "10000"))


def listed_words() -> set[str]:
    """Every strong word of the keyword lists that is one word."""
    lists = (yaml.safe_load(path.read_text("utf-8")) for path in (CLASSIFIERS / "keywords" / "lists").glob("*.yaml"))
    return {
        str(word) for one in lists if isinstance(one, dict) for word in one.get("strong") or () if "…" not in str(word)
    }


def trained() -> Pipeline:
    """Offence or not, from the texts that were written for this project."""
    texts, offends = [], []
    for path in sorted((CLASSIFIERS / "trained" / "texts").glob("*.jsonl")):
        lines = path.read_text("utf-8").splitlines()
        texts += [json.loads(line)["text"] for line in lines]
        offends += [not path.stem.startswith(("ok_", "work"))] * len(lines)
    model = make_pipeline(TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None), LogisticRegression(max_iter=300))
    return model.fit(texts, offends)


jieba.setLogLevel("WARNING")
words, model = listed_words(), trained()
app = faust.App(
    f"stock-faust-{uuid.uuid4().hex[:8]}",
    broker=f"kafka://{os.environ['BROKER']}",
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
)
observations = app.topic(os.environ["TOPIC"], value_serializer="json")


@app.agent(observations)
async def screen(stream: faust.StreamT) -> None:
    seen = found = 0
    began = 0.0
    async for message in stream:
        began = began or time.perf_counter()
        text = message.get("text") or ""
        listed = not words.isdisjoint(jieba.lcut(text))
        found += bool(listed or model.predict_proba([text])[0, 1] > 0.9)
        seen += 1
        if seen == WANTED:
            # Faust turns what is printed into lines of its log.
            rate = seen / (time.perf_counter() - began)
            print(f"{rate:.0f} messages/s, {found} found", file=sys.__stdout__, flush=True)
            os._exit(0)


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "--loglevel", "error", "--without-web"]
    app.main()
