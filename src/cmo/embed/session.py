"""ONNX Runtime sessions: one on the CPU, or one for each GPU.

A GPU counts only where ONNX Runtime was built with CUDA, a driver is there and the session really runs on it; anything
less falls back to the CPU, because a slow answer is better than none.

The official builds report to their maker from the import on (https://github.com/microsoft/onnxruntime, docs/Privacy.md):
they keep an id of the user in ``~/.cache/Microsoft`` and send events. That is switched off before the import, which is why
nothing else may import it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # noqa: TID251 - no setting of ours: nothing leaves the machine

import onnxruntime as ort

from cmo.embed.signature import Session
from cmo.errors import ModelCorrupt

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
_SPIN_MICROSECONDS = "50"
"""How long an idle worker thread polls for work. Without a limit a query takes 38 ms instead of 20 on cores that
others use too; without any polling it takes 3.1 ms instead of 2.1 on idle ones (2 cores, 18 tokens)."""

_SLOWER_ON_CPU = ["SkipLayerNormFusion"]
"""The fused operator is written for GPUs: on a CPU passages go 8 to 15 % faster through an addition and a layer norm."""

Opener = Callable[[Path, int, int | None], Session]
"""Graph, threads and CUDA device (None is the CPU) to a session."""


def open_session(graph: Path, threads: int, device: int | None) -> Session:
    """A session on a GPU, or on the CPU where the device is None.

    Weights beside the graph are memory-mapped, so processes share their pages.

    Raises:
        ModelCorrupt: the graph or its weights cannot be loaded.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
    providers: list[Any] = [CPU] if device is None else [(CUDA, {"device_id": device}), CPU]
    disabled = _SLOWER_ON_CPU if device is None else []
    try:
        session: Session = ort.InferenceSession(str(graph), options, providers=providers, disabled_optimizers=disabled)
    except Exception as error:  # the binding raises classes that it does not export
        raise ModelCorrupt(f"{graph} cannot be loaded: {str(error)[:200]}. Run `cmo models verify`.") from error
    return session


def open_sessions(
    graph: Path,
    *,
    use_gpu: bool,
    threads: int,
    devices: Callable[[], Sequence[int]] | None = None,
    opener: Opener = open_session,
) -> list[Session]:
    """One session for each usable GPU, else one on the CPU.

    Args:
        graph: the ONNX file.
        use_gpu: False keeps to the CPU whatever is there.
        threads: of the CPU session.
        devices: CUDA devices by number; asked of the machine by default.
        opener: makes a session.

    Raises:
        ModelCorrupt: the graph or its weights cannot be loaded.
    """
    sessions = [opener(graph, threads, device) for device in (devices or cuda_devices)()] if use_gpu else []
    if sessions and all(CUDA in session.get_providers() for session in sessions):
        return sessions
    return [opener(graph, threads, None)]


def output_width(graph: Path) -> int:
    """Dimension of a graph's vectors.

    Raises:
        ModelCorrupt: it cannot be loaded, or does not say.
    """
    width = open_session(graph, 1, None).get_outputs()[0].shape[-1]
    if not isinstance(width, int):
        raise ModelCorrupt(f"{graph} does not say how wide its vectors are.")
    return width


def cuda_devices() -> list[int]:
    """CUDA devices that ONNX Runtime can use; none where it was built without CUDA or there is no driver."""
    return list(range(_count_gpus(ctypes.CDLL))) if CUDA in ort.get_available_providers() else []


def _count_gpus(load: Callable[[str], Any]) -> int:
    """Ask the driver, which heeds ``CUDA_VISIBLE_DEVICES``; ONNX Runtime itself does not say how many there are."""
    try:
        driver = load("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value
