"""The documented names, as Prometheus makes them of ours: promtool runs the rules over made-up series."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cmo.ops.catalogue import BY_NAME, METRICS
from cmo.ops.metric import Kind

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "recording.yml"
DOCUMENTED = {
    "docmind_queries_total", "docmind_query_duration_seconds_bucket", "docmind_active_queries", "docmind_gpu_memory_bytes",
    "docmind_cpu_usage_percent", "docmind_memory_usage_bytes", "docmind_cache_hits_total", "docmind_cache_misses_total",
    "docmind_model_info", "error_rate",
}  # fmt: skip
QUERY = 'cmo_http_requests_total{endpoint="/query", method="POST"'
SERIES = {
    QUERY + ', status="200"}': "0+90x40",
    QUERY + ', status="422"}': "0+5x40",
    QUERY + ', status="503"}': "0+5x40",
    'cmo_http_requests_total{endpoint="/papers", method="GET", status="504"}': "0+100x40",
    'cmo_http_requests_total{endpoint="/health", method="GET", status="200"}': "0+100x40",
    'cmo_http_request_duration_seconds_bucket{endpoint="/query", le="0.01"}': "0+50x40",
    'cmo_http_request_duration_seconds_bucket{endpoint="/query", le="10.0"}': "0+100x40",
    'cmo_http_request_duration_seconds_bucket{endpoint="/query", le="+Inf"}': "0+100x40",
    "cmo_questions_in_progress": "3x40",
    "cmo_machine_cpu_ratio": "0.25x40",
    'cmo_process_resident_memory_bytes{worker="0"}': "100x40",
    'cmo_process_resident_memory_bytes{worker="1"}': "200x40",
    'cmo_cache_requests_total{cache="answers", tier="memory", result="hit"}': "0+7x40",
    'cmo_cache_requests_total{cache="answers", tier="memory", result="miss"}': "0+3x40",
    'cmo_gpu_memory_bytes{device="0"}': "5x40",
    'cmo_build_info{version="1", model="minilm", engine="cmo", python="3"}': "1x40",
}
EXPECTED = {
    'docmind_queries_total{query_type="query", status="success"}': 95 * 20,
    'docmind_queries_total{query_type="query", status="error"}': 5 * 20,
    "error_rate": 0.025,
    'docmind_query_duration_seconds_bucket{query_type="query", le="0.01"}': 50 * 20,
    'docmind_query_duration_seconds_bucket{query_type="query", le="10.0"}': 100 * 20,
    "docmind_active_queries": 3,
    "docmind_cpu_usage_percent": 25,
    "docmind_memory_usage_bytes": 300,
    'docmind_cache_hits_total{cache_type="memory"}': 7 * 20,
    'docmind_cache_misses_total{cache_type="memory"}': 3 * 20,
    'docmind_gpu_memory_bytes{device="0"}': 5,
    'docmind_model_info{version="1", model="minilm", engine="cmo"}': 1,
}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: apt-get install prometheus"
    return found


def labels(sample: str) -> str:
    """What is left of a sample once it is rounded: Prometheus adds up in no order, so the last bit is chance."""
    return "{" + sample.partition("{")[2].rstrip("}") + "}"


def test_the_documented_names_come_out_as_they_should(promtool: str, tmp_path: Path) -> None:
    told = [
        {
            "expr": f"round({sample}, 1e-6)",
            "eval_time": "20m",
            "exp_samples": [{"labels": labels(sample), "value": value}],
        }
        for sample, value in EXPECTED.items()
    ]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": told,
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_reads_metrics_that_there_are() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert {rule["record"] for rule in rules} >= DOCUMENTED
    known = set(BY_NAME) | {
        metric.name + end
        for metric in METRICS
        if metric.kind is Kind.HISTOGRAM
        for end in ("_bucket", "_sum", "_count")
    }
    for rule in rules:
        words = rule["expr"].replace("(", " ").replace("{", " ").replace("[", " ").replace(")", " ").split()
        named = {word.strip(",") for word in words if word.startswith("cmo_")}
        assert named, rule["record"]
        assert named <= known, rule["record"]
