"""`HighPerformanceConfig`: the documented fields, and what each of them sets here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cmo.kit.machine import cores
from cmo.model.sorting import Plan
from cmo.route.counsel import Sparing
from cmo.sorting.cast import Asking, Shelves

_MILLI = 1000
_MEGA = 1_000_000
_PATIENCE = 30
"""The part of the target that a question waits for a language model; what comes later is for who asks next."""
_NO_BOUND = 1 << 40
"""Bytes, where only the number of entries is bounded."""


@dataclass
class HighPerformanceConfig:
    """How classifying is held to time, and what it may use. Every field has an effect, or says what does instead."""

    target_response_time_ms: float = 1500.0
    """A question should take no longer; compliance is measured against it."""
    max_response_time_ms: float = 2000.0
    """No question takes longer: cue words decide what is not decided shortly before."""
    target_throughput_rps: float = 100.0
    """Twice as many as that makes in `max_response_time_ms` may wait at once."""
    l1_cache_size: int = 10_000
    """Decisions in memory."""
    l1_cache_ttl: float = 300
    """Seconds that they stay there."""
    l2_cache_size_mb: int = 1_000
    """Megabytes of decisions on disk; 0 keeps none."""
    l2_cache_ttl: float = 3_600
    l3_cache_enabled: bool = True
    """Whether machines share decisions, where CMO_REDIS_URL is set."""
    l3_cache_ttl: float = 86_400
    enable_cache_warming: bool = True
    """Whether `cache_warm_queries` are decided when the system is entered."""
    cache_warm_queries: list[str] = field(default_factory=list)
    predictive_cache_depth: int = 3
    """`cache.warm_cache()` also decides this many of the questions that were asked most of late."""
    enable_request_batching: bool = True
    """Whether questions that come together are encoded together."""
    max_batch_size: int = 10
    batch_timeout_ms: float = 50
    """When a question has waited so long, one more worker is called in. Nobody waits for company."""
    enable_deduplication: bool = True
    """Whether the same question, asked by many at once, is decided once."""
    dedup_window_seconds: float = 5
    """A decision that lacks the opinion of a language model is kept for so long."""
    max_connections: int = 100
    """Connections to the language model, kept open."""
    connection_timeout: float = 2.0
    """Seconds of one attempt at the language model, the time to connect included."""
    pool_recycle_time: float = 3_600
    """A connection that nobody used for so many seconds is closed."""
    enable_prompt_caching: bool = True
    """Whether opinions of the language model are remembered. Its prompt begins the same for all questions in any case,
    so that an endpoint can keep what it made of it; `llm.cached_tokens` tells how much it did."""
    prompt_cache_size: int = 1_000
    token_optimization_enabled: bool = True
    """Whether no more of a question is sent than bears on its class."""
    streaming_enabled: bool = True
    """Whether the reply of the language model is read as a stream."""
    parallel_llm_calls: int = 3
    """Questions that the language model is asked at once; a further one waits, within its time."""
    enable_memory_pooling: bool = True
    """Whether the first tier is bounded in bytes as well."""
    memory_pool_size_mb: int = 500
    """That bound."""
    max_worker_threads: int = 32
    """Workers at most. A worker keeps a core busy, so there are never more than cores."""
    max_worker_processes: int = 1
    """Kept for the documents: a process decides by itself; `cmo serve` may run several times behind a balancer."""
    enable_auto_scaling: bool = True
    """Whether workers come and go with what there is to do."""
    scale_up_threshold: float = 0.8
    scale_down_threshold: float = 0.3
    enable_adaptive_optimization: bool = True
    """Whether the length of runs is learnt from what runs of each length cost; see `tuning` in the statistics."""
    learning_window_size: int = 1_000
    """Questions that the statistics are of."""
    optimization_frequency: int = 100
    """Questions between two decisions on the length of runs."""
    cpu_optimization_enabled: bool = True
    """Whether workers keep to the cores; without it `max_worker_threads` alone bounds them."""
    monitoring_interval_seconds: float = 10
    """How old the reading of CPU and memory may be."""

    def __post_init__(self) -> None:
        least = {
            "target_response_time_ms": 0.0, "max_response_time_ms": 0.0, "target_throughput_rps": 0.0, "max_batch_size": 1,
            "max_connections": 1, "connection_timeout": 0.0, "parallel_llm_calls": 1, "max_worker_threads": 1,
            "learning_window_size": 1, "optimization_frequency": 1, "l1_cache_size": 0, "l2_cache_size_mb": 0,
            "l1_cache_ttl": 0.0, "l2_cache_ttl": 0.0, "l3_cache_ttl": 0.0, "batch_timeout_ms": 0.0,
            "dedup_window_seconds": 0.0, "prompt_cache_size": 0, "memory_pool_size_mb": 0, "predictive_cache_depth": 0,
            "pool_recycle_time": 0.0, "monitoring_interval_seconds": 0.0,
        }  # fmt: skip
        for name, bound in least.items():
            value: Any = getattr(self, name)
            positive = name in {
                "target_response_time_ms",
                "max_response_time_ms",
                "target_throughput_rps",
                "connection_timeout",
            }
            if value < bound or (positive and value <= 0):
                raise ValueError(
                    f"{name} is {value}; it must be {'more than 0' if positive else f'at least {bound:g}'}."
                )
        if not self.scale_down_threshold < self.scale_up_threshold:
            raise ValueError("scale_down_threshold must be below scale_up_threshold.")

    def plan(self) -> Plan:
        """What the sorter is held to."""
        limit = self.max_response_time_ms / _MILLI
        workers = min(self.max_worker_threads, cores()) if self.cpu_optimization_enabled else self.max_worker_threads
        return Plan(
            target_seconds=self.target_response_time_ms / _MILLI,
            limit_seconds=limit,
            target_rate=self.target_throughput_rps,
            run_most=self.max_batch_size if self.enable_request_batching else 1,
            wait_seconds=self.batch_timeout_ms / _MILLI,
            workers_most=workers,
            scaling=self.enable_auto_scaling,
            scale_up=self.scale_up_threshold,
            scale_down=self.scale_down_threshold,
            learn_every=self.optimization_frequency if self.enable_adaptive_optimization else 0,
            window=self.learning_window_size,
            joined=self.enable_deduplication,
            kept_seconds=max(self.l1_cache_ttl, self.l2_cache_ttl, self.l3_cache_ttl),
            doubtful_seconds=self.dedup_window_seconds,
            opinion_seconds=limit * 0.8,
            patience_seconds=self.target_response_time_ms / _MILLI / _PATIENCE,
        )

    def shelves(self) -> Shelves:
        """Where decisions are kept."""
        return Shelves(
            self.l1_cache_size,
            self.memory_pool_size_mb * _MEGA if self.enable_memory_pooling else _NO_BOUND,
            self.l1_cache_ttl,
            self.l2_cache_size_mb,
            self.l2_cache_ttl,
            shared=self.l3_cache_enabled,
            shared_seconds=self.l3_cache_ttl,
        )

    def asking(self) -> Asking:
        """How a language model is asked."""
        sparing = Sparing(
            trimmed=self.token_optimization_enabled,
            kept=self.prompt_cache_size if self.enable_prompt_caching else 0,
            at_once=self.parallel_llm_calls,
        )
        return Asking(
            self.connection_timeout, self.max_connections, self.pool_recycle_time, self.streaming_enabled, sparing
        )
