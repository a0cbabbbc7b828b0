"""The five boards: each panel's question, what it asks Prometheus, and the fault that must move it."""

from typing import Final

from asking import SHOWN, WINDOW, Query, added, common, many, only, or_none, per_second, quantile, within
from panels import Board, Panel, Row, Variable, above, below

UPHELD: Final = 'outcome="uphold"'
DECIDED: Final = 'outcome=~"uphold|overturn"'
# Of what came of a try: what the platform did not take, or did not say.
FAILED: Final = 'status=~"refused|retry|unconfirmed"'
FOUND: Final = 'outcome!="clean"'
UNCERTAIN: Final = 'outcome="uncertain"'
ONE_SIDE: Final = 'side=~"only_live|only_shadow"'
EITHER_SIDE: Final = 'side=~"only_live|only_shadow|both"'
# Of what is not settled: what we still have to carry out ourselves. The rest waits for people or for the platform.
OURS: Final = 'status=~"planned|sending"'
CATEGORY: Final = 'category=~"$category"'
PACK: Final = 'pack="$pack"'
THIS_PACK: Final = ('part="pack"', 'name="$pack"')
PLATFORM: Final = 'platform=~"$platform"'
JUDGES: Final = 'agent="screen"'
INSTANCE: Final = 'instance=~"$instance"'
# An agent that has work and did not get on for so long stands still, s.
STILL: Final = 60


def _precision(*matchers: str, by: str = "", over: str = SHOWN) -> str:
    decided = many("xunqun_decisions_total", DECIDED, *matchers, by=by, over=over)
    return f"{_upheld(*matchers, by=by, over=over)} / {decided}"


def _upheld(*matchers: str, by: str = "", over: str = SHOWN) -> str:
    """Of which nothing was upheld has no series of upheld ones: that is 0, and the worst."""
    upheld, decided = (many("xunqun_decisions_total", one, *matchers, by=by, over=over) for one in (UPHELD, DECIDED))
    return f"({upheld} or {decided} * 0)"


def _at_least(*matchers: str, by: str = "") -> str:
    """The lower end of Wilson's interval for precision, at 95 %: what so few decisions allow to say.

    With u of n upheld and z = 1.96: (u + z²/2 - z √(u (n - u) / n + z²/4)) / (n + z²).
    """
    upheld = _upheld(*matchers, by=by)
    decided = many("xunqun_decisions_total", DECIDED, *matchers, by=by)
    spread = f"sqrt({upheld} * ({decided} - {upheld}) / {decided} + 0.96)"
    # Rounded, it would lie a hair below 0 where nothing was upheld.
    return f"clamp_min(({upheld} + 1.92 - 1.96 * {spread}) / ({decided} + 3.84), 0)"


def _percentiles(histogram: str, *matchers: str, by: str = "", high: float = 0.99) -> tuple[Query, ...]:
    """A middle one and one of the slowest, each by labels if asked."""
    called = "".join(f"{{{{{label}}}}} " for label in by.split(", ") if label)
    return (
        Query(quantile(high, histogram, *matchers, by=by), f"{called}{high * 100:g} of 100 below"),
        Query(quantile(0.5, histogram, *matchers, by=by), f"{called}half below"),
    )


EDITIONS: Final = (("part", "Part", ""), ("name", "Name", ""), ("version", "Version", ""), ("Value", "Processes", ""))

_JUDGED_IN_TIME = Panel(
    "Judged within 2 s, last hour",
    "Do verdicts come as promised: 99 of 100 messages within 2 s of being received?",
    "a worker too few, a slow Redis or Kafka, a flood of messages, a worker that stands still",
    (Query(within(2.0, "xunqun_verdict_latency_seconds", over="1h")),),
    "number",
    "percentunit",
    below(0.99, 0.95),
    "XunqunJudgedLate",
    decimals=2,
)
_PRECISION = Panel(
    "Precision, 7 days",
    "Of the findings on which people decided, how many did they uphold? No decisions: no data, not 100 %.",
    "a pack, list or model that accuses wrongly",
    (Query(_precision(over="7d")),),
    "number",
    "percentunit",
    below(0.9, 0.7),
    "XunqunPrecisionLow",
    decimals=1,
)

FLEET = Board(
    "fleet",
    "Xunqun · 1 Fleet",
    "Is the fleet moderated, how late, how well? Green all along the first rows: yes.",
    (
        Row(
            "Is the fleet moderated?",
            (
                Panel(
                    "Processes that judge",
                    f"In how many processes did the agent that judges get on in the last {STILL} s, or have nothing to do?",
                    "workers that ended, were killed or hang, a store that is away, a Prometheus that does not find them",
                    (
                        Query(
                            f"count(time() - {only('xunqun_progress_timestamp_seconds', JUDGES)} < {STILL}) or vector(0)"
                        ),
                    ),
                    "number",
                    limits=below(1),
                    runbook="XunqunNoWorker",
                ),
                Panel(
                    "Processes that are gone",
                    "Did one end without saying so? Who ends in order is not looked for any more.",
                    "a process that was killed, a machine that is away, a network that is cut",
                    (Query(or_none('count(up{job=~"$job"} == 0)')),),
                    "number",
                    limits=above(1),
                    runbook="XunqunProcessDown",
                ),
                Panel(
                    "Agents that stand still",
                    f"Has an agent records to handle, and did not get on for {STILL} s?",
                    "a store that is away, a record that breaks an agent again and again, a hung process",
                    (
                        Query(
                            or_none(
                                f"count(({only('xunqun_consumer_lag')} > 0) and on (job, instance, agent) "
                                f"(time() - {only('xunqun_progress_timestamp_seconds')} > {STILL}))",
                                known="xunqun_progress_timestamp_seconds",
                            )
                        ),
                    ),
                    "number",
                    limits=above(1),
                    runbook="XunqunStalled",
                ),
                Panel(
                    "Processes that wait",
                    "Does a process wait for Kafka, Redis or PostgreSQL?",
                    "a store that is down, full or cut off, a password that was changed",
                    (
                        Query(
                            or_none(
                                f"count(max by (job, instance) ({only('xunqun_waiting')}) > 0)", known="xunqun_waiting"
                            )
                        ),
                    ),
                    "number",
                    limits=above(1),
                    runbook="XunqunWaiting",
                ),
                Panel(
                    "Since the last tick",
                    "Does time pass in the log? Without ticks nothing falls due.",
                    "no worker that holds the lease of the ticker, Kafka that takes no records",
                    (Query(f"time() - max({only('xunqun_tick_timestamp_seconds')} > 0)"),),
                    "number",
                    "s",
                    above(30, 120),
                    "XunqunClockStopped",
                    decimals=0,
                ),
                Panel(
                    "Paused scopes",
                    "Are actions held back, by people or by a brake?",
                    "a pause that somebody forgot, a budget of sanctions that is used up",
                    (Query(common("xunqun_paused")),),
                    "number",
                    limits=above(1, 10),
                    runbook="XunqunBrake",
                ),
                Panel(
                    "What comes in",
                    "How many observations are judged a second, by type?",
                    "a connector that is away (fewer), a flood or a replay (more)",
                    (
                        Query(
                            or_none(per_second("xunqun_observations_total", by="type"), "type"),
                            "{{type}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunVerdictsSilent",
                    width=12,
                ),
                Panel(
                    "Groups",
                    "Do we hear of all groups that we should, and of none that nobody listed?",
                    "a bot that was removed from its groups (silent), groups that nobody registered (unknown)",
                    (Query(common("xunqun_groups", by="state"), "{{state}}"),),
                    runbook="XunqunGroupsSilent",
                    width=12,
                ),
            ),
        ),
        Row(
            "How late?",
            (
                _JUDGED_IN_TIME,
                Panel(
                    "Judged within 30 s, last hour",
                    "And 999 of 1,000 within 30 s?",
                    "a backlog, a worker that was away, a rebalance that does not end",
                    (Query(within(30.0, "xunqun_verdict_latency_seconds", over="1h")),),
                    "number",
                    "percentunit",
                    below(0.999, 0.99),
                    "XunqunJudgedLate",
                    decimals=2,
                ),
                Panel(
                    "Not judged yet",
                    "How many observations wait in the log for the agent that judges?",
                    "more messages than the workers judge, a worker too few, a store that is away",
                    (Query(added("xunqun_consumer_lag", JUDGES)),),
                    "number",
                    limits=above(1000, 10000),
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Oldest action not carried out",
                    "For how long does somebody's notice or sanction wait to go out?",
                    "a platform that refuses or does not answer, a pause, a dispatcher that is not running",
                    (Query(common("xunqun_outbox_oldest_seconds", OURS)),),
                    "number",
                    "s",
                    above(600, 1800),
                    "XunqunOutboxOld",
                    decimals=0,
                ),
                Panel(
                    "Oldest review",
                    "For how long has a finding waited for a person?",
                    "nobody on duty, more uncertain findings than people can look at",
                    (Query(f"max({common('xunqun_reviews_oldest_seconds', by='kind')})"),),
                    "number",
                    "s",
                    above(86400, 259200),
                    "XunqunReviewsOld",
                    decimals=0,
                ),
                Panel(
                    "Groups with something overdue",
                    "In how many groups did a deadline pass without anybody doing what was due?",
                    "owners who do not do their duties, a clock that stood and goes again",
                    (Query(common("xunqun_groups_due", 'state="overdue"')),),
                    "number",
                    limits=above(1, 100),
                    runbook="XunqunDutiesOverdue",
                ),
                Panel(
                    "From received to verdict",
                    "How long do verdicts take, in the middle and at worst? The line is the promise.",
                    "a slow store, a backlog, a worker too few",
                    _percentiles("xunqun_verdict_latency_seconds"),
                    unit="s",
                    limits=above(2.0),
                    runbook="XunqunJudgedLate",
                ),
                Panel(
                    "From sent to received, by platform",
                    "How late does the platform bring us its messages? That is not ours to mend, but members notice it.",
                    "a connector that polls too seldom or fell behind, a platform in trouble, clocks that are wrong",
                    (
                        Query(
                            quantile(0.99, "xunqun_arrival_delay_seconds", by="platform"),
                            "{{platform}} 99 of 100 below",
                        ),
                    ),
                    unit="s",
                    runbook="XunqunArrivingLate",
                ),
                Panel(
                    "From sent to verdict, from cause to done",
                    "What do members see: how long from sending until a finding is durable, and from what caused an action "
                    "until the platform took or confirmed it? By platform.",
                    "all of the above, and a platform that is slow to answer",
                    _percentiles("xunqun_end_to_end_seconds", by="until, platform"),
                    unit="s",
                    runbook="XunqunOutboxOld",
                ),
            ),
        ),
        Row(
            "How well?",
            (
                _PRECISION,
                Panel(
                    "Decisions behind it",
                    "On how many decisions does precision rest? Below 30 it says little.",
                    "nobody who looks at reviews",
                    (Query(or_none(many("xunqun_decisions_total", DECIDED, over="7d"))),),
                    "number",
                    runbook="XunqunReviewsOld",
                    decimals=0,
                ),
                Panel(
                    "Could not be measured, last hour",
                    "How many signals could a classifier not give? What was not measured is screened again, not called clean.",
                    "a model that is missing or broken, a classifier that fails",
                    (Query(or_none(many("xunqun_unavailable_total", over="1h"))),),
                    "number",
                    limits=above(1, 1000),
                    runbook="XunqunClassifierUnavailable",
                    decimals=0,
                ),
                Panel(
                    "Could not be read, last hour",
                    "How many records went to the dead letters?",
                    "a connector that sends another form, a record that breaks an agent",
                    (Query(or_none(many("xunqun_dead_letters_total", over="1h"))),),
                    "number",
                    limits=above(1, 100),
                    runbook="XunqunDeadLetters",
                    decimals=0,
                ),
                Panel(
                    "Actions that fail, last hour",
                    "What share of the tries does the platform refuse, put off or leave unconfirmed?",
                    "a token that expired, a bot without rights, a platform in trouble",
                    (
                        Query(
                            f"({or_none(per_second('xunqun_actions_total', FAILED, over='1h'))}) "
                            f"/ {per_second('xunqun_actions_total', over='1h')}"
                        ),
                    ),
                    "number",
                    "percentunit",
                    above(0.05, 0.2),
                    "XunqunActionsFailing",
                    decimals=1,
                ),
                Panel(
                    "Reviews that wait",
                    "How many findings wait for a person?",
                    "an edition that is uncertain of much, a campaign, nobody on duty",
                    (Query(f"sum({common('xunqun_reviews_open', by='kind')})"),),
                    "number",
                    runbook="XunqunReviewsOld",
                ),
                Panel(
                    "Findings",
                    "How much is found, and how sure is it? A step that no message explains is a change of edition.",
                    "a pack, list or model that finds too much, or nothing any more",
                    (
                        Query(
                            or_none(per_second("xunqun_verdicts_total", FOUND, by="outcome"), "outcome"),
                            "{{outcome}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Sanctions",
                    "What is prescribed, by kind?",
                    "an edition that punishes too much, a ladder that climbs too fast",
                    (Query(or_none(per_second("xunqun_sanctions_total", by="kind"), "kind"), "{{kind}}"),),
                    "areas",
                    "cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Reviews that wait, by kind",
                    "What do people have to look at?",
                    "nobody on duty, a campaign, appeals that nobody answers",
                    (Query(common("xunqun_reviews_open", by="kind"), "{{kind}}"),),
                    "areas",
                    runbook="XunqunReviewsOld",
                ),
            ),
        ),
    ),
    marks_editions=True,
)

QUALITY = Board(
    "quality",
    "Xunqun · 2 Detection",
    "Is what we find right, is anything missed, and would a change be better? Over the time that is shown.",
    (
        Row(
            "Are we right?",
            (
                Panel(
                    "Precision",
                    "Of the findings on which people decided, how many did they uphold? No decisions: no data, not 100 %.",
                    "a pack, list or model that accuses wrongly",
                    (Query(_precision(CATEGORY)),),
                    "number",
                    "percentunit",
                    below(0.9, 0.7),
                    "XunqunPrecisionLow",
                    decimals=1,
                ),
                Panel(
                    "At least",
                    "What may be said with 95 % confidence? Far below precision means too few decisions.",
                    "wrong accusations, or too few decisions to tell",
                    (Query(_at_least(CATEGORY)),),
                    "number",
                    "percentunit",
                    runbook="XunqunPrecisionLow",
                    decimals=1,
                ),
                Panel(
                    "Decisions",
                    "On how many decisions does it rest?",
                    "nobody who looks at reviews",
                    (Query(or_none(many("xunqun_decisions_total", DECIDED, CATEGORY))),),
                    "number",
                    runbook="XunqunReviewsOld",
                    decimals=0,
                ),
                Panel(
                    "Overturned",
                    "How often did people take a finding back?",
                    "wrong accusations",
                    (Query(or_none(many("xunqun_decisions_total", 'outcome="overturn"', CATEGORY))),),
                    "number",
                    runbook="XunqunPrecisionLow",
                    decimals=0,
                ),
                Panel(
                    "Appeals",
                    "How often did members ask us to look again? Of all categories.",
                    "wrong accusations, notices that do not say why",
                    (Query(or_none(many("xunqun_appeals_total"))),),
                    "number",
                    runbook="XunqunPrecisionLow",
                    decimals=0,
                ),
                Panel(
                    "Could not be measured",
                    "How many signals are missing? They are no findings, and not clean either.",
                    "a model that is missing or broken, a classifier that fails",
                    (Query(or_none(many("xunqun_unavailable_total"))),),
                    "number",
                    limits=above(1, 1000),
                    runbook="XunqunClassifierUnavailable",
                    decimals=0,
                ),
                Panel(
                    "Precision by category",
                    "Which category accuses wrongly, and how sure is that?",
                    "a list or model that is wrong in one category",
                    (
                        Query(_precision(CATEGORY, by="category")),
                        Query(_at_least(CATEGORY, by="category")),
                        Query(many("xunqun_decisions_total", DECIDED, CATEGORY, by="category")),
                    ),
                    "table",
                    runbook="XunqunPrecisionLow",
                    columns=(
                        ("category", "Category", ""),
                        ("Value #A", "Precision", "percentunit"),
                        ("Value #B", "At least", "percentunit"),
                        ("Value #C", "Decisions", "short"),
                    ),
                    decimals=1,
                ),
                Panel(
                    "Decisions by outcome",
                    "What did people decide, and when? A rise of overturned findings after a change of edition is its doing.",
                    "an edition that accuses wrongly, a reviewer who decides otherwise than the rest",
                    (
                        Query(
                            or_none(many("xunqun_decisions_total", CATEGORY, by="outcome", over="1h"), "outcome"),
                            "{{outcome}}",
                        ),
                    ),
                    "areas",
                    runbook="XunqunPrecisionLow",
                    width=12,
                ),
            ),
        ),
        Row(
            "What is found?",
            (
                Panel(
                    "Violations by category",
                    "What is held against people a second, by category?",
                    "a list that hits work talk (more), a word list or model that is not loaded (none)",
                    (
                        Query(
                            or_none(
                                per_second(
                                    "xunqun_verdicts_total", 'outcome=~"violation|assisted"', CATEGORY, by="category"
                                ),
                                "category",
                            ),
                            "{{category}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Findings by outcome",
                    "How sure are we of what we find?",
                    "budgets too tight (uncertain), a classifier that fails (unavailable)",
                    (
                        Query(
                            or_none(
                                per_second("xunqun_verdicts_total", FOUND, CATEGORY, by="outcome"),
                                "outcome",
                            ),
                            "{{outcome}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Findings of 1,000 messages",
                    "Is more or less found than at the same time before, with as many messages?",
                    "an edition that finds too much, or nothing any more",
                    (
                        Query(
                            f"1000 * ({or_none(per_second('xunqun_verdicts_total', FOUND, CATEGORY))}) "
                            f"/ {per_second('xunqun_observations_total')}",
                            "now",
                        ),
                        Query(
                            "1000 * "
                            + many(
                                "xunqun_verdicts_total",
                                FOUND,
                                CATEGORY,
                                over=WINDOW,
                                ago="$before",
                            )
                            + " / "
                            + many("xunqun_observations_total", over=WINDOW, ago="$before"),
                            "$before ago",
                        ),
                    ),
                    runbook="XunqunVerdictsSilent",
                ),
                Panel(
                    "Categories and outcomes",
                    "What was found in the time that is shown, of which kind?",
                    "a category that is all uncertain or all unavailable",
                    (
                        Query(
                            or_none(
                                many("xunqun_verdicts_total", FOUND, CATEGORY, by="category, outcome"),
                                "category",
                            ),
                            "{{category}} {{outcome}}",
                        ),
                    ),
                    "bars",
                    decimals=0,
                    runbook="XunqunVerdictsSpike",
                    width=24,
                ),
            ),
        ),
        Row(
            "What do the classifiers say?",
            (
                Panel(
                    "Trained scores",
                    "Where do the scores lie, from the model's floor up? A heap that moves is drift.",
                    "chat that the model was not trained on, another model, a broken decoding of text",
                    (
                        Query(
                            many("xunqun_scores_bucket", CATEGORY, by="le", over=WINDOW),
                            "{{le}}",
                        ),
                    ),
                    "heat",
                    "percentunit",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Trained scores by category",
                    "Did the scores of one category move?",
                    "drift in one category, another model",
                    _percentiles("xunqun_scores", CATEGORY, by="category", high=0.9),
                    unit="percentunit",
                    runbook="XunqunVerdictsSpike",
                    width=12,
                ),
                Panel(
                    "Scored messages",
                    "How many messages a second reach the model's floor? By design 1 in 100 of normal ones.",
                    "drift, a flood of adverts, a model that is not loaded (none)",
                    (
                        Query(
                            or_none(per_second("xunqun_scores_count", CATEGORY, by="category"), "category"),
                            "{{category}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunVerdictsSilent",
                ),
                Panel(
                    "Signals that are missing",
                    "Which classifier could not measure?",
                    "a model that is missing or broken, a classifier that fails",
                    (
                        Query(
                            or_none(per_second("xunqun_unavailable_total", by="classifier"), "classifier"),
                            "{{classifier}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunClassifierUnavailable",
                ),
                Panel(
                    "Editions in force",
                    "Which packs, lists and models judge? Two versions of one name mean that processes do not agree.",
                    "an announcement that one process did not read, a rollback that was forgotten",
                    (Query(f"count by (part, name, version) ({only('xunqun_edition_info')})"),),
                    "table",
                    columns=EDITIONS,
                    runbook="XunqunVerdictsSpike",
                    width=8,
                ),
            ),
        ),
        Row(
            "What would a change do?",
            (
                Panel(
                    "Findings beside a shadow",
                    "What would the shadow find more (only_shadow) or leave (only_live)?",
                    "a shadow that differs much from what is in force",
                    (
                        Query(
                            or_none(
                                per_second("xunqun_shadow_total", EITHER_SIDE, by="side"),
                                "side",
                            ),
                            "{{side}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunShadowFailing",
                ),
                Panel(
                    "Messages given to a shadow",
                    "Does the shadow see what the live edition sees? What is skipped or failed is not compared.",
                    "a shadow that breaks (failed), a worker without time for it (skipped)",
                    (
                        Query(
                            or_none(
                                per_second("xunqun_shadow_total", 'side=~"compared|skipped|failed"', by="side"), "side"
                            ),
                            "{{side}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunShadowFailing",
                ),
                Panel(
                    "Findings that differ",
                    "What share of all findings has only one of the two? No shadow: no data.",
                    "a shadow that differs much from what is in force",
                    (
                        Query(
                            f"({or_none(per_second('xunqun_shadow_total', ONE_SIDE))}) / "
                            + per_second("xunqun_shadow_total", EITHER_SIDE),
                            "differ",
                        ),
                    ),
                    unit="percentunit",
                    runbook="XunqunShadowFailing",
                ),
            ),
        ),
    ),
    shown="now-7d",
    variables=(Variable("category", "Category", "xunqun_verdicts_total"),),
    compares=True,
    marks_editions=True,
)

PACK_BOARD = Board(
    "pack",
    "Xunqun · 3 One pack",
    "What does one organisation's pack find, how sure, how right, and since which version? Over the time that is shown.",
    (
        Row(
            "What does it find?",
            (
                Panel(
                    "Violations",
                    "How much did it hold against people, without anybody being asked?",
                    "a rule or list that hits work talk, a pack that is not loaded (none)",
                    (Query(or_none(many("xunqun_verdicts_total", PACK, 'outcome="violation"'))),),
                    "number",
                    decimals=0,
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "For people to decide",
                    "How much of it did it hand to people (assisted, uncertain)?",
                    "budgets too tight, a clause that asks too often",
                    (Query(or_none(many("xunqun_verdicts_total", PACK, 'outcome=~"assisted|uncertain"'))),),
                    "number",
                    decimals=0,
                    runbook="XunqunReviewsOld",
                ),
                Panel(
                    "Uncertain share",
                    "What share of its findings is it not sure of?",
                    "budgets too tight, a trained score that no list supports",
                    (
                        Query(
                            f"({or_none(many('xunqun_verdicts_total', PACK, UNCERTAIN))}) / "
                            + many("xunqun_verdicts_total", PACK, FOUND)
                        ),
                    ),
                    "number",
                    "percentunit",
                    above(0.5, 0.8),
                    "XunqunVerdictsSpike",
                    decimals=1,
                ),
                Panel(
                    "Could not be judged",
                    "How often was a signal missing that it needed?",
                    "a model that is missing or broken",
                    (Query(or_none(many("xunqun_verdicts_total", PACK, 'outcome="unavailable"'))),),
                    "number",
                    limits=above(1, 1000),
                    runbook="XunqunClassifierUnavailable",
                    decimals=0,
                ),
                Panel(
                    "Share of all findings",
                    "How much of all that the fleet finds is this pack's?",
                    "a pack that finds far more than the others do",
                    (
                        Query(
                            f"({or_none(many('xunqun_verdicts_total', PACK, FOUND))}) / "
                            + many("xunqun_verdicts_total", FOUND)
                        ),
                    ),
                    "number",
                    "percentunit",
                    decimals=1,
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Versions in force",
                    "How many versions of it judge at once? More than one: processes do not agree.",
                    "an announcement that one process did not read",
                    (Query(f"count(count by (version) ({only('xunqun_edition_info', *THIS_PACK)}))"),),
                    "number",
                    limits=((None, "green"), (2, "red")),
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "By category",
                    "What does it find a second, by category (a rule's name where there is no signal)?",
                    "a rule or list that hits work talk (more), one that is not loaded (none)",
                    (
                        Query(
                            or_none(
                                per_second("xunqun_verdicts_total", PACK, FOUND, by="category"),
                                "category",
                            ),
                            "{{category}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "By outcome",
                    "How sure is it of what it finds?",
                    "budgets too tight (uncertain), a classifier that fails (unavailable)",
                    (
                        Query(
                            or_none(
                                per_second("xunqun_verdicts_total", PACK, FOUND, by="outcome"),
                                "outcome",
                            ),
                            "{{outcome}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Beside earlier",
                    "Does it find more or less than at the same time before?",
                    "a new version that finds too much, or nothing any more",
                    (
                        Query(
                            or_none(many("xunqun_verdicts_total", PACK, FOUND, over=WINDOW)),
                            "now",
                        ),
                        Query(
                            many(
                                "xunqun_verdicts_total",
                                PACK,
                                FOUND,
                                over=WINDOW,
                                ago="$before",
                            ),
                            "$before ago",
                        ),
                    ),
                    runbook="XunqunVerdictsSilent",
                ),
            ),
        ),
        Row(
            "Is it right?",
            (
                Panel(
                    "Precision by category",
                    "Of what it finds, how much do people uphold, by category?",
                    "a clause, list or model that is wrong for this organisation",
                    (
                        Query(_precision(PACK, by="category")),
                        Query(many("xunqun_decisions_total", PACK, DECIDED, by="category")),
                    ),
                    "table",
                    columns=(
                        ("category", "Category", ""),
                        ("Value #A", "Precision", "percentunit"),
                        ("Value #B", "Decisions", "short"),
                    ),
                    runbook="XunqunPrecisionLow",
                    decimals=1,
                ),
                Panel(
                    "Since which version",
                    "Which versions of it are in force, in how many processes?",
                    "an announcement that one process did not read, a rollback that was forgotten",
                    (Query(f"count by (part, name, version) ({only('xunqun_edition_info', *THIS_PACK)})"),),
                    "table",
                    columns=EDITIONS,
                    runbook="XunqunVerdictsSpike",
                ),
            ),
        ),
    ),
    shown="now-7d",
    variables=(Variable("pack", "Pack", "xunqun_verdicts_total", several=False),),
    compares=True,
    marks_editions=True,
)

PIPELINE = Board(
    "pipeline",
    "Xunqun · 4 Pipeline",
    "Do records get through, and if not, which part is it: Kafka, Redis, PostgreSQL, a process, a record?",
    (
        Row(
            "Do records get through?",
            (
                Panel(
                    "Lag by agent",
                    "How many records has each agent not handled yet?",
                    "more records than the workers handle, a worker too few, a store that is away",
                    (Query(added("xunqun_consumer_lag", by="agent"), "{{agent}}"),),
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Since an agent got on",
                    "For how long did an agent not get on, at its slowest process? An agent without work counts as getting on.",
                    "a record that breaks an agent again and again, a hung process, a store that is away",
                    (Query(f"max by (agent) (time() - {only('xunqun_progress_timestamp_seconds')})", "{{agent}}"),),
                    unit="s",
                    limits=above(STILL),
                    runbook="XunqunStalled",
                ),
                Panel(
                    "Waiting for a store",
                    "How many processes wait for Kafka, Redis or PostgreSQL?",
                    "a store that is down, full or cut off",
                    (Query(added("xunqun_waiting", by="store"), "{{store}}"),),
                    runbook="XunqunWaiting",
                ),
                Panel(
                    "Partitions by agent",
                    "Are all partitions owned? The sum falls while one belongs to nobody, and rises while two believe it theirs.",
                    "a worker that was killed, a rebalance that does not end",
                    (Query(added("xunqun_partitions", by="agent"), "{{agent}}"),),
                    runbook="XunqunNoWorker",
                ),
                Panel(
                    "Partitions of screen by process",
                    "Is the work shared out evenly?",
                    "a worker that joined and was given nothing, one that owns nearly all",
                    (Query(added("xunqun_partitions", JUDGES, INSTANCE, by="instance"), "{{instance}}"),),
                    "areas",
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Rebalances",
                    "How often were partitions given anew? Each one costs seconds of judging.",
                    "a worker that comes and goes, one that is too slow to answer Kafka",
                    (
                        Query(
                            or_none(many("xunqun_rebalances_total", by="agent", over=WINDOW), "agent"),
                            "{{agent}}",
                        ),
                    ),
                    runbook="XunqunStalled",
                ),
                Panel(
                    "Records of a batch",
                    "How many records does an agent handle at once? Near the most: it is catching up.",
                    "a backlog (large), a connector that posts one by one (small)",
                    _percentiles("xunqun_batch_records", by="agent", high=0.9),
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Batches a second",
                    "How often does an agent come round?",
                    "a slow store (fewer), a log that is nearly empty (more and smaller)",
                    (
                        Query(
                            or_none(per_second("xunqun_batch_records_count", by="agent"), "agent"),
                            "{{agent}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Since the last tick",
                    "Does time pass in the log?",
                    "no worker that holds the lease of the ticker, Kafka that takes no records",
                    (Query(f"time() - max({only('xunqun_tick_timestamp_seconds')} > 0)", "tick"),),
                    unit="s",
                    limits=above(30),
                    runbook="XunqunClockStopped",
                ),
            ),
        ),
        Row(
            "What is taken in?",
            (
                Panel(
                    "From post to answer",
                    "How long does a sender wait until its observations are durable?",
                    "a slow disk, Kafka that waits for its replicas",
                    _percentiles("xunqun_post_latency_seconds"),
                    unit="s",
                    runbook="XunqunWaiting",
                ),
                Panel(
                    "Answers by route",
                    "What is answered to whom? 4xx: the sender errs. 5xx: we do.",
                    "a full disk or a Kafka that is away (503), a wrong secret (401), another form (422)",
                    (
                        Query(
                            or_none(per_second("xunqun_http_requests_total", by="route, code"), "route"),
                            "{{route}} {{code}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunPostsRefused",
                ),
                Panel(
                    "Dead letters by cause",
                    "What could not be used, and why?",
                    "a connector that sends another form, a record that breaks an agent (agent)",
                    (
                        Query(
                            or_none(many("xunqun_dead_letters_total", by="cause", over=WINDOW), "cause"),
                            "{{cause}}",
                        ),
                    ),
                    "areas",
                    runbook="XunqunDeadLetters",
                ),
                Panel(
                    "Seen before",
                    "How many observations came twice and were left alone? A single process knows; a fleet does not look.",
                    "a connector that sends again without need, a replay",
                    (Query(or_none(per_second("xunqun_duplicates_total")), "seen before"),),
                    unit="cps",
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Delay before the log",
                    "How late are messages when they reach us, over all platforms?",
                    "a connector that fell behind, clocks that are wrong",
                    _percentiles("xunqun_arrival_delay_seconds"),
                    unit="s",
                    runbook="XunqunArrivingLate",
                ),
                Panel(
                    "Due and overdue",
                    "In how many groups is something due, and late?",
                    "a clock that stands (open rises), duties that nobody does (overdue)",
                    (Query(common("xunqun_groups_due", by="state"), "{{state}}"),),
                    runbook="XunqunDutiesOverdue",
                ),
            ),
        ),
        Row(
            "How are the stores?",
            (
                Panel(
                    "Slowest calls",
                    "Which store is slow, and at what? 99 of 100 calls stay below.",
                    "a store that is overloaded, a slow disk, a slow network",
                    (
                        Query(
                            quantile(0.99, "xunqun_store_seconds", by="store, operation"),
                            "{{store}} {{operation}}",
                        ),
                    ),
                    unit="s",
                    runbook="XunqunWaiting",
                    width=12,
                ),
                Panel(
                    "Calls",
                    "How often is each store asked?",
                    "a store that is away (none), retries (more)",
                    (
                        Query(
                            or_none(per_second("xunqun_store_seconds_count", by="store, operation"), "store"),
                            "{{store}} {{operation}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunWaiting",
                    width=12,
                ),
            ),
        ),
        Row(
            "How are the processes?",
            (
                Panel(
                    "Processes",
                    "Which process answers (1), which is gone (0)?",
                    "a process that was killed, a machine that is away",
                    (Query(f"max by (instance, role) ({only('up', INSTANCE)})", "{{role}} {{instance}}"),),
                    runbook="XunqunProcessDown",
                ),
                Panel(
                    "Memory",
                    "How much memory does each process take?",
                    "a leak, windows of many more members than before, a large model",
                    (
                        Query(
                            f"max by (instance, role) ({only('process_resident_memory_bytes', INSTANCE)})",
                            "{{role}} {{instance}}",
                        ),
                    ),
                    unit="bytes",
                    runbook="XunqunProcessDown",
                ),
                Panel(
                    "CPU",
                    "How many cores does each process use? Python uses little more than one: near 1 it is at its end.",
                    "a flood of messages, a pack that is dear to judge",
                    (
                        Query(
                            f"sum by (instance, role) (rate({only('process_cpu_seconds_total', INSTANCE)}[{WINDOW}]))",
                            "{{role}} {{instance}}",
                        ),
                    ),
                    limits=above(0.9),
                    runbook="XunqunLagging",
                ),
                Panel(
                    "Open files",
                    "What share of the files and connections that it may open has each process open?",
                    "connections that are not closed",
                    (
                        Query(
                            f"max by (instance) ({only('process_open_fds', INSTANCE)}"
                            f" / {only('process_max_fds', INSTANCE)})",
                            "{{instance}}",
                        ),
                    ),
                    unit="percentunit",
                    limits=above(0.8),
                    runbook="XunqunProcessDown",
                ),
                Panel(
                    "Disk that is free",
                    "What share of the disk is left where each process keeps its data?",
                    "logs or topics that grow, text that is not purged",
                    (
                        Query(
                            f"min by (instance) ({only('xunqun_disk_free_bytes', INSTANCE)}"
                            f" / ({only('xunqun_disk_size_bytes', INSTANCE)} > 0))",
                            "{{instance}}",
                        ),
                    ),
                    unit="percentunit",
                    limits=below(0.2, 0.05),
                    runbook="XunqunDisk",
                ),
                Panel(
                    "Kept in memory",
                    "How many entries has each cache, over all processes?",
                    "a bound that does not hold (grows without end), a restart (from 0)",
                    (Query(added("xunqun_cache_entries", by="cache"), "{{cache}}"),),
                    runbook="XunqunProcessDown",
                ),
                Panel(
                    "Editions in force",
                    "Do all processes judge by the same packs, lists and models? Two versions of one name: no.",
                    "an announcement that one process did not read",
                    (Query(f"count by (part, name, version) ({only('xunqun_edition_info')})"),),
                    "table",
                    columns=EDITIONS,
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Builds",
                    "Do all processes run the same version of Xunqun?",
                    "an upgrade that stopped half way",
                    (Query(f"count by (version, python) ({only('xunqun_build_info')})"),),
                    "table",
                    columns=(("version", "Xunqun", ""), ("python", "Python", ""), ("Value", "Processes", "")),
                    runbook="XunqunProcessDown",
                ),
            ),
        ),
    ),
    shown="now-3h",
    variables=(Variable("instance", "Process", "up"),),
    marks_editions=True,
)

ACTIONS = Board(
    "actions",
    "Xunqun · 5 Actions",
    "Does what is prescribed reach the member, on which platform not, and what holds it back?",
    (
        Row(
            "Does it reach the member?",
            (
                Panel(
                    "Tries that fail, last hour",
                    "What share do the platforms refuse, put off or leave unconfirmed?",
                    "a token that expired, a bot without rights, a platform in trouble",
                    (
                        Query(
                            f"({or_none(per_second('xunqun_actions_total', FAILED, PLATFORM, over='1h'))}) "
                            f"/ {per_second('xunqun_actions_total', PLATFORM, over='1h')}"
                        ),
                    ),
                    "number",
                    "percentunit",
                    above(0.05, 0.2),
                    "XunqunActionsFailing",
                    decimals=1,
                ),
                Panel(
                    "Unconfirmed, last hour",
                    "Of how many do we not know whether the member was told?",
                    "a process that was killed while it called, a platform that does not answer",
                    (Query(or_none(many("xunqun_actions_total", 'status="unconfirmed"', PLATFORM, over="1h"))),),
                    "number",
                    limits=above(1, 20),
                    runbook="XunqunActionsUnconfirmed",
                    decimals=0,
                ),
                Panel(
                    "Not carried out yet",
                    "How many actions wait in the outbox to be sent, or are under way?",
                    "a platform in trouble, a pause, a dispatcher that is not running",
                    (Query(f"sum({common('xunqun_outbox_open', OURS, by='status')})"),),
                    "number",
                    limits=above(100, 1000),
                    runbook="XunqunOutboxOld",
                ),
                Panel(
                    "Oldest",
                    "For how long does the oldest of them wait?",
                    "a platform in trouble, a pause, a dispatcher that is not running, a call that hangs",
                    (Query(common("xunqun_outbox_oldest_seconds", OURS)),),
                    "number",
                    "s",
                    above(600, 1800),
                    "XunqunOutboxOld",
                    decimals=0,
                ),
                Panel(
                    "Paused scopes",
                    "Are actions held back, by people or by a brake?",
                    "a pause that somebody forgot, a budget that is used up",
                    (Query(common("xunqun_paused")),),
                    "number",
                    limits=above(1, 10),
                    runbook="XunqunBrake",
                ),
                Panel(
                    "Scopes held by a brake",
                    "Is a budget of sanctions used up?",
                    "an edition that punishes too much, a campaign in many groups",
                    (Query(f"sum({common('xunqun_brakes', by='scope')})"),),
                    "number",
                    limits=above(1),
                    runbook="XunqunBrake",
                ),
                Panel(
                    "Tries by what came of them",
                    "What do the platforms answer?",
                    "a token that expired (refused), a limit of rate (retry), a platform in trouble (unconfirmed)",
                    (
                        Query(
                            or_none(per_second("xunqun_actions_total", PLATFORM, by="status"), "status"),
                            "{{status}}",
                        ),
                    ),
                    "areas",
                    "cps",
                    runbook="XunqunActionsFailing",
                ),
                Panel(
                    "Tries that fail, by platform",
                    "Which platform is it, and how does it fail?",
                    "one platform in trouble, one bot without rights",
                    (
                        Query(
                            or_none(
                                per_second("xunqun_actions_total", FAILED, PLATFORM, by="platform, status"), "platform"
                            ),
                            "{{platform}} {{status}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunActionsFailing",
                ),
                Panel(
                    "Tries by platform",
                    "Is every platform served?",
                    "a platform that is switched off or has no connector (none)",
                    (
                        Query(
                            or_none(per_second("xunqun_actions_total", PLATFORM, by="platform"), "platform"),
                            "{{platform}}",
                        ),
                    ),
                    unit="cps",
                    runbook="XunqunActionsFailing",
                ),
            ),
        ),
        Row(
            "How late?",
            (
                Panel(
                    "From cause to done, by platform",
                    "How long after what caused it stood in the log has the platform taken or confirmed the action?",
                    "a slow platform, a backlog, a pause",
                    _percentiles("xunqun_end_to_end_seconds", PLATFORM, 'until="confirmed"', by="platform"),
                    unit="s",
                    runbook="XunqunOutboxOld",
                ),
                Panel(
                    "From sent to verdict, by platform",
                    "How long from sending until the finding is durable, of messages with findings?",
                    "messages that arrive late, judging that is late",
                    _percentiles("xunqun_end_to_end_seconds", PLATFORM, 'until="verdict"', by="platform"),
                    unit="s",
                    runbook="XunqunJudgedLate",
                ),
                Panel(
                    "Delay of arrival, by platform",
                    "And how much of that passed before the platform brought us the message?",
                    "a connector that polls too seldom or fell behind, a platform in trouble",
                    _percentiles("xunqun_arrival_delay_seconds", PLATFORM, by="platform"),
                    unit="s",
                    runbook="XunqunArrivingLate",
                ),
                Panel(
                    "Outbox by status",
                    "Where do actions stay: before the call (planned), under way (sending), taken but not seen (accepted), "
                    "with people (manual)?",
                    "a dispatcher that is not running (planned), a call that hangs (sending), manual work that nobody does",
                    (Query(common("xunqun_outbox_open", by="status"), "{{status}}"),),
                    "areas",
                    runbook="XunqunOutboxOld",
                    width=12,
                ),
                Panel(
                    "Oldest by status",
                    "For how long do they stay there?",
                    "the same, one action at a time",
                    (Query(common("xunqun_outbox_oldest_seconds", by="status"), "{{status}}"),),
                    unit="s",
                    runbook="XunqunOutboxOld",
                    width=12,
                ),
            ),
        ),
        Row(
            "What is prescribed, and what holds it back?",
            (
                Panel(
                    "Sanctions by kind",
                    "What is prescribed?",
                    "an edition that punishes too much, a ladder that climbs too fast",
                    (Query(or_none(per_second("xunqun_sanctions_total", by="kind"), "kind"), "{{kind}}"),),
                    "areas",
                    "cps",
                    runbook="XunqunVerdictsSpike",
                ),
                Panel(
                    "Sanctions by mode of the group",
                    "How much of it is carried out (enforce), proposed (advise) or only noted (observe)?",
                    "a group whose mode was changed by mistake",
                    (Query(or_none(per_second("xunqun_sanctions_total", by="mode"), "mode"), "{{mode}}"),),
                    "areas",
                    "cps",
                    runbook="XunqunBrake",
                ),
                Panel(
                    "Brakes and pauses",
                    "What is held back, and by what: a group's budget, a clause's, all of it?",
                    "an edition that punishes too much, a pause that somebody forgot",
                    (
                        Query(common("xunqun_brakes", by="scope"), "brake: {{scope}}"),
                        Query(common("xunqun_paused"), "paused"),
                    ),
                    runbook="XunqunBrake",
                ),
            ),
        ),
    ),
    variables=(Variable("platform", "Platform", "xunqun_actions_total"),),
    marks_editions=True,
)

BOARDS: Final = (FLEET, QUALITY, PACK_BOARD, PIPELINE, ACTIONS)
