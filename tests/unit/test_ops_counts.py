"""What is counted: labels have an end, workers add up, nothing falls when one of them ends."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from cmo.engines import Source
from cmo.ops import catalogue as c
from cmo.ops.counts import Counts, decoded, merged
from cmo.ops.exchange import Exchange
from cmo.ops.history import History, quantile
from cmo.ops.metric import OTHER, Kind
from cmo.ops.metrics import told
from cmo.ops.summary import summary


def counted() -> Counts:
    counts = Counts()
    for status in ("200", "200", "503"):
        counts.add(c.HTTP_REQUESTS, "/query", "POST", status)
    for seconds in (0.004, 0.02, 0.3):
        counts.observe_all(c.HTTP_SECONDS, [(seconds, "a" * 32)], "/query", at=1000.0)
    counts.set(c.SNAPSHOT_AGE, 60.0)
    return counts


def test_each_name_says_its_unit_and_each_label_has_an_end() -> None:
    names = [metric.name for metric in c.METRICS]
    assert len(names) == len(set(names))
    for metric in c.METRICS:
        assert metric.name.startswith("cmo_")
        assert metric.help.endswith(".")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert metric.kind is not Kind.HISTOGRAM or metric.unit in {"seconds", "ratio"}, metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets))
        for label, allowed in metric.labels.items():
            assert allowed if isinstance(allowed, int) else len(allowed) == len(set(allowed)), (metric.name, label)


def test_the_catalogue_knows_every_source() -> None:
    assert set(c.SOURCES) == {source.value for source in Source}


def test_labels_that_are_not_known_or_too_many_are_counted_as_other() -> None:
    counts = Counts()
    for n in range(1000):
        counts.add(c.HTTP_REQUESTS, f"/made/up/{n}", "BREW", "200")
        counts.observe(c.STAGE_SECONDS, 0.1, f"stage {n}")
    state = counts.state()
    assert len(state.numbers) == c.ENDPOINTS + 1
    assert {labels[1] for _, labels in state.numbers} == {OTHER}
    assert state.total(c.HTTP_REQUESTS) == 1000
    assert state.total(c.HTTP_REQUESTS, endpoint=OTHER) == 1000 - c.ENDPOINTS
    assert [key[1] for key in state.spreads] == [(OTHER,)]


def test_a_wrong_number_of_labels_is_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="endpoint, method, status"):
        Counts().add(c.HTTP_REQUESTS, "/query")


def test_threads_lose_no_count() -> None:
    counts = Counts()
    threads = [threading.Thread(target=lambda: [counts.add(c.CITATIONS) for _ in range(2_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.state().total(c.CITATIONS) == 8_000


def test_prometheus_reads_what_is_told() -> None:
    body, media = told(counted().state())
    assert media.startswith("text/plain")
    found = {sample.name + str(sorted(sample.labels.items())): sample.value
             for family in prometheus(body.decode()) for sample in family.samples}  # fmt: skip
    asked = "[('endpoint', '/query'), ('method', 'POST'), ('status', '200')]"
    assert found[f"cmo_http_requests_total{asked}"] == 2
    assert found["cmo_http_request_duration_seconds_bucket[('endpoint', '/query'), ('le', '0.005')]"] == 1
    assert found["cmo_http_request_duration_seconds_count[('endpoint', '/query')]"] == 3
    assert found["cmo_cost_dollars_total[]"] == 0, "what never happened is told as nought, so that alerts can see it"


def test_openmetrics_names_a_trace_as_an_example() -> None:
    body, media = told(counted().state(), "application/openmetrics-text; version=1.0.0")
    assert media.startswith("application/openmetrics-text")
    families = {family.name: family for family in openmetrics(body.decode())}
    shown = [s.exemplar for s in families["cmo_http_request_duration_seconds"].samples if s.exemplar]
    assert [one.labels for one in shown] == [{"trace_id": "a" * 32}] * 3
    assert families["cmo_snapshot_age_seconds"].unit == "seconds"


def test_states_of_workers_add_up_and_gauges_go_by_their_kind() -> None:
    one, other = counted(), counted()
    other.set(c.SNAPSHOT_AGE, 5.0)
    one.set(c.HTTP_ACTIVE, 2.0)
    other.set(c.HTTP_ACTIVE, 3.0)
    whole = merged(decoded(counts.state().encoded()) for counts in (one, other))
    assert whole.total(c.HTTP_REQUESTS, status="200") == 4
    assert whole.spread(c.HTTP_SECONDS).count == 6
    assert (whole.total(c.SNAPSHOT_AGE), whole.total(c.HTTP_ACTIVE)) == (60.0, 5.0)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"numbers": 1, "spreads": []}', b'{"numbers": [[1]]}'])
def test_what_is_no_state_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="no numbers of a worker"):
        decoded(broken)


def test_workers_tell_each_other_and_whoever_ends_leaves_its_counts(tmp_path: Path) -> None:
    one, other = counted(), counted()
    first, second = Exchange(tmp_path, one), Exchange(tmp_path, other)
    first.open()
    second.open()
    assert (first.number, second.number) == (0, 1)
    second.publish()
    assert [first.gathered()[0].total(c.HTTP_REQUESTS), first.gathered()[1]] == [6, 2]
    second.close()
    state, workers = first.gathered()
    assert (state.total(c.HTTP_REQUESTS), workers) == (6, 1)
    third = Exchange(tmp_path, Counts())
    third.open()
    third.publish()
    state, workers = first.gathered()
    assert (third.number, state.total(c.HTTP_REQUESTS), workers) == (1, 6, 2), "a number that is free is given again"


DIES = """
import os, sys
from pathlib import Path
from cmo.ops import catalogue as c
from cmo.ops.counts import Counts
from cmo.ops.exchange import Exchange
counts = Counts()
exchange = Exchange(Path(sys.argv[1]), counts)
exchange.open()
counts.add(c.CITATIONS, amount=7)
exchange.publish()
os.kill(os.getpid(), 9)
"""


def test_a_worker_that_is_killed_takes_no_count_with_it(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path, Counts())
    exchange.open()
    for _ in range(2):
        subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    for _ in range(3):
        state, workers = exchange.gathered()
        assert (state.total(c.CITATIONS), workers) == (14, 1)
    exchange.close()
    again = Exchange(tmp_path, Counts())
    again.open()
    assert again.gathered()[0].total(c.CITATIONS) == 14


def test_a_worker_never_tells_less_than_another_one_did(tmp_path: Path) -> None:
    counts = [Counts(), Counts()]
    exchanges = [Exchange(tmp_path, one) for one in counts]
    for exchange in exchanges:
        exchange.open()
    before = 0.0
    for step in range(20):
        counts[step % 2].add(c.CITATIONS)
        now = exchanges[(step // 2) % 2].gathered()[0].total(c.CITATIONS)
        assert now >= before
        before = now


def test_history_tells_rates_between_two_looks() -> None:
    history, counts = History(points=3), Counts()
    for step in range(5):
        history.add(5.0 * step, counts.state())
        for status in ("200", "200", "200", "500"):
            counts.add(c.HTTP_REQUESTS, "/query", "POST", status)
        counts.observe(c.HTTP_SECONDS, 0.04, "/query")
    series = history.series()
    assert series["requests_per_second"] == [0.8, 0.8]
    assert series["error_rate"] == [0.25, 0.25]
    assert series["cache_hit_rate"] == [None, None], "of no questions there is no share"
    assert history.error_rate() == 0.25
    assert history.rate() == 0.8


def test_a_quantile_lies_within_its_bucket() -> None:
    counts = Counts()
    for n in range(100):
        counts.observe(c.HTTP_SECONDS, 0.06 if n < 90 else 0.15, "/query")
    spread = counts.state().spread(c.HTTP_SECONDS)
    assert 0.05 <= (quantile(spread, c.HTTP_SECONDS.buckets, 0.5) or 0) <= 0.1
    assert 0.1 < (quantile(spread, c.HTTP_SECONDS.buckets, 0.95) or 0) <= 0.2
    assert quantile(Counts().state().spread(c.HTTP_SECONDS), c.HTTP_SECONDS.buckets, 0.5) is None


def test_the_summary_has_the_documented_fields_and_is_honest_about_nothing() -> None:
    nothing = summary(Counts().state())
    for name in ("total_time_ms", "retrieval_time_ms", "generation_time_ms", "enrichment_usage_rate",
                 "avg_enrichment_score", "avg_relationships_per_query"):  # fmt: skip
        assert nothing[name] is None
    counts = counted()
    counts.add(c.ANSWERS, "lightrag", "cmo", amount=4)
    counts.observe(c.ENRICHMENT, 0.5)
    counts.add(c.RELATIONSHIPS, amount=6)
    counts.observe(c.STAGE_SECONDS, 0.012, "retrieve")
    found = summary(counts.state())
    assert (found["enrichment_usage_rate"], found["avg_enrichment_score"]) == (0.25, 0.5)
    assert (found["avg_relationships_per_query"], found["retrieval_time_ms"]) == (6.0, 12.0)
