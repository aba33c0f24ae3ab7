"""A language model on this very machine: a GGUF file, run by llama.cpp through xllamacpp (extra ``local-llm``).

::

    weights --LocalModel.start()--> a process of its own (`cmo.llm.serve`) --> llama.cpp's server on 127.0.0.1,
                                        with a key that nobody else knows; ChatEndpoint talks to it as to any other

So there is one chat client, whatever runs the model. Constructing it loads nothing. Should its process die, the next
question starts another.
"""

from __future__ import annotations

import importlib.util
import json
import math
import secrets
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cmo.errors import ModelCorrupt, SettingsError
from cmo.kit import deadline
from cmo.kit.refusal import Refused, Why
from cmo.llm.gguf import find

Quantization = Literal["f16", "int8", "int4"]
TYPES: Final[dict[str, str]] = {"f16": "f16", "int8": "q8_0", "int4": "q4_0"}
"""What llama.cpp calls them."""
CONTEXT_TOKENS: Final = 32_768
ALL_LAYERS: Final = -1
_LOADING_SECONDS: Final = 5.0
_ENDING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class KVCacheConfig:
    """How a model remembers the conversation while it speaks."""

    quantization: Quantization = "int8"
    """int8 takes half the memory of f16, int4 a quarter, at some cost in quality."""
    context_tokens: int = CONTEXT_TOKENS
    """The longest conversation, question and answer together; a model that was made for less has less."""
    gpu_layers: int = ALL_LAYERS
    """That run on a GPU where there is one; -1: all of them."""


def get_kv_cache_args(config: KVCacheConfig) -> dict[str, str | int]:
    """The same in llama.cpp's own words.

    Raises:
        SettingsError: there is no such quantization.
    """
    if config.quantization not in TYPES:
        raise SettingsError(f"{config.quantization!r} is no quantization of the KV cache; take {', '.join(TYPES)}.")
    return {
        "kv_cache_type": TYPES[config.quantization],
        "n_gpu_layers": config.gpu_layers,
        "n_ctx": config.context_tokens,
    }


def get_llm_backend() -> Literal["cuda", "cpu"]:
    """Where a local model would run: on a GPU of NVIDIA's where this build of llama.cpp can use one."""
    if not importlib.util.find_spec("xllamacpp"):
        return "cpu"
    import xllamacpp  # noqa: PLC0415 - an extra

    return "cuda" if any(device["name"].startswith("CUDA") for device in xllamacpp.get_device_info()) else "cpu"


@dataclass(frozen=True, slots=True)
class _Served:
    process: subprocess.Popen[str]
    address: str


class LocalModel:
    """Weights that answer on loopback once they are started.

    Args:
        name: of an installed model, or a GGUF file.
        models: where models are installed.
        cache: how it remembers the conversation.
        threads: 0: as llama.cpp likes.
    """

    def __init__(self, name: str, models: Path, cache: KVCacheConfig, *, threads: int = 0) -> None:
        self._name = name
        self._models = models
        self._cache = cache
        self._threads = threads
        self._key = secrets.token_urlsafe(24)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="cmo-load")
        self._served: Future[_Served] | None = None
        self._lock = threading.Lock()

    def start(self) -> tuple[str, str]:
        """Load it unless it is loaded, waiting no longer than the deadline; its base address, and the key to it.

        Raises:
            ModelMissing: its weights are not installed.
            SettingsError: the extra is not installed.
            ModelCorrupt: the file cannot be loaded.
            Overloaded: it is still being loaded.
        """
        with self._lock:
            if self._served is not None and _is_over(self._served):
                self._forget()
            served = self._served = self._served or self._loader.submit(self._load)
        left = deadline.remaining()
        try:
            address = served.result(None if math.isinf(left) else left).address
        except TimeoutError:
            raise Refused(Why.LATE, _LOADING_SECONDS).error(f"{self._name}, which is being loaded,") from None
        return f"{address}/v1", self._key

    def close(self) -> None:
        """End its process."""
        self._loader.shutdown(wait=True, cancel_futures=True)
        self._forget()

    def _forget(self) -> None:
        served, self._served = self._served, None
        if served is not None and not served.cancelled() and served.exception() is None:
            _end(served.result().process)

    def _load(self) -> _Served:
        weights = find(self._name, self._models)
        if not importlib.util.find_spec("xllamacpp"):
            raise SettingsError(
                "Local language models need xllamacpp: `pip install 'clinical-metabolomics-oracle[local-llm]'`; or name "
                "a server in CMO_LLM_URL."
            )
        told = get_kv_cache_args(self._cache) | {"weights": str(weights), "key": self._key, "threads": self._threads}
        process = subprocess.Popen(  # it lives on; `close` ends it, and so does our own end
            [sys.executable, "-m", "cmo.llm.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        said = _heard(process, json.dumps(told))
        if "address" not in said:
            _end(process)
            why = said.get("error") or f"its process ended with {process.returncode}"
            raise ModelCorrupt(f"{weights} cannot be loaded as a language model: {why}.")
        return _Served(process, said["address"])


def _heard(process: subprocess.Popen[str], told: str) -> dict[str, str]:
    """What the process says to the first line; nothing where it dies before."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(f"{told}\n")
        process.stdin.flush()
        said: dict[str, str] = json.loads(process.stdout.readline() or "{}")
    except BrokenPipeError:
        return {}
    return said


def _is_over(served: Future[_Served]) -> bool:
    """Whether nothing will come of it any more: it failed, and may not fail now; or its process died."""
    if not served.done():
        return False
    return served.exception() is not None or served.result().process.poll() is not None


def _end(process: subprocess.Popen[str]) -> None:
    with process:  # closes its stdin, which ends it, and waits
        try:
            process.communicate(timeout=_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
