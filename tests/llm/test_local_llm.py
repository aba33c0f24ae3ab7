"""A real small model on this machine: what it says, what it counts, and what its server lets in."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cmo.errors import ChatFailed, ModelCorrupt, ModelMissing, Overloaded, SettingsError
from cmo.kit.deadline import within
from cmo.llm import ChatEndpoint
from cmo.llm.local import KVCacheConfig, LocalModel, get_kv_cache_args, get_llm_backend
from cmo.model.chat import Message, Speaker

ASKED = [Message(Speaker.SYSTEM, "You are brief."), Message(Speaker.USER, "What is glucose?")]
SCHEMA = {
    "type": "object",
    "properties": {"sweet": {"type": "boolean"}},
    "required": ["sweet"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def direct(smollm2: LocalModel) -> Any:
    url, key = smollm2.start()
    with ChatEndpoint(base_url=url, model="smollm2", api_key=key, timeout=30.0) as chat:
        yield chat


def test_it_says_the_same_whole_and_in_pieces(direct: ChatEndpoint) -> None:
    said = direct.complete(ASKED, most_tokens=8)
    pieces = list(direct.stream(ASKED, most_tokens=8))
    assert said.text
    assert "".join(pieces) == said.text
    assert len(pieces) > 3


def test_it_counts_tokens_and_what_it_had_kept_of_the_prompt(direct: ChatEndpoint) -> None:
    direct.complete(ASKED, most_tokens=2)
    again = direct.complete(ASKED, most_tokens=2)
    assert (again.completion_tokens, again.cut) == (2, True)
    assert 0 < again.cached_tokens < again.prompt_tokens
    assert again.prompt_tokens <= sum(len(m.text.encode()) + 32 for m in ASKED), "what is set aside must be enough"


def test_it_is_held_to_a_schema(direct: ChatEndpoint) -> None:
    said = json.loads(direct.complete(ASKED, most_tokens=24, schema=SCHEMA).text)
    assert isinstance(said["sweet"], bool)


def test_a_conversation_that_is_too_long_is_refused_and_says_why(direct: ChatEndpoint) -> None:
    long = [Message(Speaker.USER, "word " * 3_000)]
    with pytest.raises(ChatFailed, match=r"HTTP 400 \(exceed_context_size_error\)"):
        direct.complete(long, most_tokens=2)


def test_its_server_lets_nobody_in_without_the_key(smollm2: LocalModel) -> None:
    url, key = smollm2.start()
    assert url.startswith("http://127.0.0.1:")
    assert len(key) > 20
    request = urllib.request.Request(f"{url}/chat/completions", b"{}", {"Authorization": "Bearer guessed"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 401
    refused.value.close()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("not weights")
    with pytest.raises(ModelCorrupt, match=r"notes\.gguf cannot be loaded"):
        LocalModel(str(tmp_path / "notes.gguf"), tmp_path, KVCacheConfig()).start()


def test_weights_that_are_not_there_are_missed_when_they_are_needed(tmp_path: Path) -> None:
    model = LocalModel("qwen-1.5b", tmp_path, KVCacheConfig())
    chat = ChatEndpoint(base_url="http://in.process", model="qwen-1.5b", start=model.start)
    with pytest.raises(ModelMissing, match=r"cmo models install qwen-1\.5b"):
        chat.complete(ASKED, most_tokens=2)


def test_a_closed_one_is_gone(weights: Path) -> None:
    model = LocalModel(str(weights), weights.parent, KVCacheConfig(quantization="f16", context_tokens=256), threads=1)
    address = model.start()[0]
    assert model.start()[0] == address
    model.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)


def test_who_has_no_time_does_not_wait_for_it_to_be_loaded(weights: Path) -> None:
    model = LocalModel("smollm2", weights.parent, KVCacheConfig(context_tokens=256), threads=1)
    with ChatEndpoint(base_url="http://in.process", model="smollm2", start=model.start) as chat:
        with within(0.02), pytest.raises(Overloaded, match="which is being loaded"):
            chat.complete(ASKED, most_tokens=2)
        assert chat.complete(ASKED, most_tokens=2).completion_tokens == 2
    model.close()


def test_one_whose_process_dies_is_started_again(weights: Path) -> None:
    model = LocalModel("smollm2", weights.parent, KVCacheConfig(context_tokens=256), threads=1)
    with ChatEndpoint(base_url="http://in.process", model="smollm2", start=model.start) as chat:
        chat.complete(ASKED, most_tokens=2)
        assert model._served
        model._served.result().process.kill()
        model._served.result().process.wait(10)
        assert chat.complete(ASKED, most_tokens=2).completion_tokens == 2
    model.close()


def test_it_ends_with_whoever_started_it(weights: Path) -> None:
    program = (
        "import os, pathlib, cmo.llm.local as l\n"
        f"model = l.LocalModel({str(weights)!r}, pathlib.Path('.'), l.KVCacheConfig(context_tokens=256), threads=1)\n"
        "model.start(); print(model._served.result().process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    child = Path(f"/proc/{int(done.stdout)}/cmdline")
    for _ in range(100):
        if not child.exists() or b"cmo.llm.serve" not in child.read_bytes():
            break
        time.sleep(0.05)
    else:
        pytest.fail("it lives on")


def test_nobody_else_waits_while_it_is_loaded(weights: Path) -> None:
    model = LocalModel("smollm2", weights.parent, KVCacheConfig(context_tokens=256), threads=1)
    loading = threading.Thread(target=model.start)
    loading.start()
    longest = 0.0
    while loading.is_alive():
        before = time.monotonic()
        time.sleep(0.005)
        longest = max(longest, time.monotonic() - before)
    model.close()
    assert longest < 0.6


def test_weights_that_come_later_are_found(weights: Path, tmp_path: Path) -> None:
    model = LocalModel("smollm2", tmp_path, KVCacheConfig(context_tokens=256), threads=1)
    with pytest.raises(ModelMissing):
        model.start()
    (tmp_path / "smollm2.gguf").symlink_to(weights)
    assert model.start()
    model.close()


def test_the_cache_is_told_in_llama_cpps_own_words() -> None:
    assert get_kv_cache_args(KVCacheConfig(quantization="int8")) == {
        "kv_cache_type": "q8_0", "n_gpu_layers": -1, "n_ctx": 32_768
    }  # fmt: skip
    assert get_kv_cache_args(KVCacheConfig("int4", 1_024, 0))["kv_cache_type"] == "q4_0"
    with pytest.raises(SettingsError, match="no quantization"):
        get_kv_cache_args(KVCacheConfig("int9"))  # type: ignore[arg-type]


def test_the_backend_is_what_the_build_can_use() -> None:
    assert get_llm_backend() in {"cuda", "cpu"}
