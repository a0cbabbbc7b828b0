"""Metrics: every one explained and in a base unit, label values from short lists."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.cases.postgres import CasesUnavailable
from streams.fleet.kafka import KafkaUnavailable
from streams.ledger.connection import StateUnavailable
from streams.metrics import DECLARED, MOST_NAMES, Metrics, dead_letter_cause
from streams.store import StoreUnavailable
from streams.text_keys import KeyUnavailable
from streams.topics import Unusable, decode_observation


def exposed(metrics):
    body, content_type = metrics.exposition()
    assert content_type.startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def samples(metrics, name):
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in exposed(metrics).values()
        for sample in family.samples
        if sample.name == name
    }


def counted(metrics, name):
    """Without what stands at 0 from the start."""
    return {labels: value for labels, value in samples(metrics, name).items() if value}


def test_every_metric_has_help_and_a_base_unit():
    for family in exposed(Metrics()).values():
        assert re.fullmatch(r"(?s)[A-Z0-9].{15,}\.?", family.documentation), family.name
        assert family.name.startswith(("xunqun_", "process_"))
        assert not re.search(r"_(ms|millis|milliseconds|us|minutes|hours|days|kb|mb|percent)(_|$)", family.name)
    for one in DECLARED:
        assert one.name.endswith({"counter": "_total", "info": "_info"}.get(one.kind, "")), one.name
        assert bool(one.buckets) == (one.kind == "histogram"), one.name
        for unit in ("seconds", "bytes"):
            assert (one.unit == unit) == one.name.endswith(f"_{unit}"), one.name
        assert len(one.help) > 15, one.name


def test_what_is_exposed_is_what_is_declared():
    names = {one.name.removesuffix("_total") for one in DECLARED}
    assert {one for one in exposed(Metrics()) if one.startswith("xunqun_")} == names


def test_counters_count_by_their_labels():
    metrics = Metrics()
    metrics.observed("message.created", 3)
    metrics.judged("xianchuang", "ads", "violation")
    metrics.sanctioned("warn", "enforce")
    metrics.acted("webhook", "accepted")
    metrics.duplicated(2)
    metrics.requested("/observations", 202)
    assert samples(metrics, "xunqun_observations_total") == {(("type", "message.created"),): 3}
    assert samples(metrics, "xunqun_verdicts_total") == {
        (("category", "ads"), ("outcome", "violation"), ("pack", "xianchuang")): 1
    }
    assert counted(metrics, "xunqun_sanctions_total") == {(("kind", "warn"), ("mode", "enforce")): 1}
    assert samples(metrics, "xunqun_actions_total") == {(("platform", "webhook"), ("status", "accepted")): 1}
    assert samples(metrics, "xunqun_duplicates_total") == {(): 2}
    assert samples(metrics, "xunqun_http_requests_total") == {(("code", "202"), ("route", "/observations")): 1}


def test_what_is_rare_stands_at_0_before_it_happens():
    metrics = Metrics()
    assert samples(metrics, "xunqun_dead_letters_total")[(("cause", "not_json"),)] == 0
    assert samples(metrics, "xunqun_unavailable_total")[(("classifier", "trained"),)] == 0
    assert samples(metrics, "xunqun_sanctions_total")[(("kind", "remove"), ("mode", "enforce"))] == 0


def test_unknown_values_fold_to_other():
    metrics = Metrics()
    for number in range(1000):
        metrics.observed(f"message.{number}")
        metrics.judged(f"pack{number}", f"category{number}", f"outcome{number}")
        metrics.sanctioned(f"kind{number}", f"mode{number}")
        metrics.acted(f"platform{number}", f"status{number}")
        metrics.died(f"cause {number}")
    assert samples(metrics, "xunqun_observations_total") == {(("type", "other"),): 1000}
    assert counted(metrics, "xunqun_sanctions_total") == {(("kind", "other"), ("mode", "other")): 1000}
    assert counted(metrics, "xunqun_dead_letters_total") == {(("cause", "other"),): 1000}
    assert len(samples(metrics, "xunqun_verdicts_total")) <= MOST_NAMES + 1
    assert sum(samples(metrics, "xunqun_verdicts_total").values()) == 1000
    assert len(samples(metrics, "xunqun_actions_total")) <= MOST_NAMES + 1


@pytest.mark.parametrize(
    ("body", "short"),
    [
        (b"x" * 300_000, "too_large"),
        (b"{", "not_json"),
        (b'{"type":1,"sent_at":1}', "not_an_observation"),
        (b'{"type":"a"}', "not_an_observation"),
        (b'{"type":"a","sent_at":-1}', "sent_at"),
        (b'{"type":"","sent_at":1}', "type"),
        (b'{"type":"a","sent_at":1}', "id"),
        (b'{"type":"a","sent_at":1,"id":"m"}', "group_id"),
    ],
)
def test_each_cause_of_a_dead_letter_has_a_short_name(body, short):
    with pytest.raises(Unusable) as unusable:
        decode_observation(body)
    assert dead_letter_cause(str(unusable.value)) == short
    assert dead_letter_cause(short) == short


def test_gauges_say_zero_for_what_is_gone():
    metrics = Metrics()
    metrics.set_reviews({"appeal": 2, "strange": 1}, {"appeal": 60.0})
    metrics.set_reviews({"uncertain": 1}, {"uncertain": 30.0})
    metrics.set_outbox({"planned": 4}, {"planned": 2.5})
    metrics.set_groups({"unknown": 3, "listed": 7})
    metrics.set_paused(1)
    reviews = {dict(labels)["kind"]: value for labels, value in samples(metrics, "xunqun_reviews_open").items()}
    assert {kind for kind, value in reviews.items() if value} == {"uncertain"}
    assert reviews["appeal"] == reviews["other"] == 0
    assert samples(metrics, "xunqun_outbox_open")[(("status", "planned"),)] == 4
    ages = {dict(labels)["kind"]: value for labels, value in samples(metrics, "xunqun_reviews_oldest_seconds").items()}
    assert {kind: age for kind, age in ages.items() if age} == {"uncertain": 30.0}
    assert samples(metrics, "xunqun_unknown_groups") == {(): 3}
    assert samples(metrics, "xunqun_paused") == {(): 1}


def test_latencies_are_seconds():
    metrics = Metrics()
    metrics.verdict_took([0.2, 2.0, 2.1])
    metrics.verdict_took([-1.0])
    metrics.verdict_took([])
    metrics.post_took(0.004)
    assert samples(metrics, "xunqun_verdict_latency_seconds_sum") == {(): pytest.approx(4.3)}
    # What a promise is measured by: a step stands at each of its seconds, and what took just so long kept it.
    judged = samples(metrics, "xunqun_verdict_latency_seconds_bucket")
    assert [judged[(("le", step),)] for step in ("0.1", "1.0", "2.0", "30.0", "+Inf")] == [1, 2, 3, 4, 4]
    buckets = samples(metrics, "xunqun_post_latency_seconds_bucket")
    assert buckets[(("le", "0.0025"),)] == 0
    assert buckets[(("le", "0.005"),)] == 1


def test_two_processes_worth_of_metrics_do_not_meet():
    first, second = Metrics(), Metrics()
    first.duplicated()
    assert samples(second, "xunqun_duplicates_total") == {(): 0}
    assert samples(first, "xunqun_build_info")


@pytest.mark.parametrize(
    "error", [KafkaUnavailable, StateUnavailable, CasesUnavailable, StoreUnavailable, KeyUnavailable]
)
def test_whatever_is_away_is_named(error):
    metrics = Metrics()
    metrics.set_waiting({error("away").part})
    assert metrics.registry.get_sample_value("xunqun_waiting", {"store": "other"}) == 0
