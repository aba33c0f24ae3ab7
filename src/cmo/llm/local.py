"""A language model in this very process: a GGUF file, run by llama.cpp through xllamacpp (extra ``local-llm``).

::

    weights --LocalModel.start()--> llama.cpp's own server on 127.0.0.1, with a key that nobody else knows
                                        `-- ChatEndpoint talks to it as to any other

So there is one chat client, whatever runs the model. Constructing it loads nothing.
"""

from __future__ import annotations

import gc
import importlib.util
import math
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

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
_MEGABYTES_OF_PROMPTS: Final = 256
"""That the server keeps of earlier prompts, for those that begin alike."""


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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cmo-load")
        self._server: Future[Any] | None = None
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
            if self._server is None or (self._server.done() and self._server.exception()):  # it may be there by now
                self._server = self._thread.submit(self._load)
            server = self._server
        left = deadline.remaining()
        try:
            found = server.result(None if math.isinf(left) else left)
        except TimeoutError:
            raise Refused(Why.LATE, _LOADING_SECONDS).error(f"{self._name}, which is being loaded,") from None
        return f"{found.listening_address}/v1", self._key

    def close(self) -> None:
        """Unload it."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._server = None
        gc.collect()  # the server ends with its last reference

    def _load(self) -> Any:
        weights = find(self._name, self._models)
        if not importlib.util.find_spec("xllamacpp"):
            raise SettingsError(
                "Local language models need xllamacpp: `pip install 'clinical-metabolomics-oracle[local-llm]'`; or name "
                "a server in CMO_LLM_URL."
            )
        import xllamacpp  # noqa: PLC0415 - an extra

        try:
            server = xllamacpp.Server(self._parameters(xllamacpp, weights))
            server.handle_completions({"prompt": "a", "n_predict": 1}, lambda _said: None)
        except (RuntimeError, ValueError) as error:
            raise ModelCorrupt(f"{weights} cannot be loaded as a language model: {error}.") from error
        return server  # and at work: one that is told to end before its loop has begun never ends

    def _parameters(self, xllamacpp: Any, weights: Path) -> Any:
        told = get_kv_cache_args(self._cache)
        kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{str(told['kv_cache_type']).upper()}")
        made = xllamacpp.CommonParams()
        made.model.path = str(weights)
        made.n_ctx, made.n_gpu_layers = told["n_ctx"], told["n_gpu_layers"]
        made.cache_type_k = made.cache_type_v = kind
        made.hostnames, made.port, made.api_keys = ["127.0.0.1"], 0, [self._key]
        made.ui = made.endpoint_slots = made.endpoint_props = made.warmup = False
        made.cache_ram_mib = _MEGABYTES_OF_PROMPTS
        made.verbosity = -1
        if self._threads:
            made.cpuparams.n_threads = self._threads
        return made
