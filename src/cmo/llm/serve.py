"""The process of a local model: ``python -m cmo.llm.serve``. It ends when whoever started it does.

::

    a line of JSON on stdin --llama.cpp loads--> a line of JSON on stdout: its address, or what went wrong
                                                 stdin ends --> so does this

It is a process of its own because loading holds the interpreter's lock for seconds, and because a library in C++ that
crashes should take nobody along.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

MEGABYTES_OF_PROMPTS = 256
"""That it keeps of earlier prompts, for those that begin alike."""


def main() -> None:
    """Serve until stdin ends."""
    told = json.loads(sys.stdin.readline())
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what the library prints is no line of ours
        try:
            server = _server(told)
            said = {"address": server.listening_address}
        except (RuntimeError, ValueError) as error:
            said = {"error": str(error)}
        out.write(f"{json.dumps(said)}\n")
    sys.stdin.read()
    os._exit(0)  # at once, whatever it is saying


def _server(told: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415 - an extra

    made = xllamacpp.CommonParams()
    made.model.path = told["weights"]
    made.n_ctx, made.n_gpu_layers = told["n_ctx"], told["n_gpu_layers"]
    made.cache_type_k = made.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{told['kv_cache_type'].upper()}")
    made.hostnames, made.port, made.api_keys = ["127.0.0.1"], 0, [told["key"]]
    made.ui = made.endpoint_slots = made.endpoint_props = made.warmup = False
    made.cache_ram_mib = MEGABYTES_OF_PROMPTS
    made.verbosity = -1
    if told["threads"]:
        made.cpuparams.n_threads = told["threads"]
    server = xllamacpp.Server(made)
    server.handle_completions({"prompt": "a", "n_predict": 1}, lambda _said: None)
    return server


if __name__ == "__main__":
    main()
