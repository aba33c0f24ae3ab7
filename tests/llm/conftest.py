"""The real SmolLM2, served by llama.cpp on loopback, and a proxy before it."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cmo.llm.wire  # noqa: F401 - else the first test pays for the import out of its deadline
from cmo.errors import ModelMissing
from cmo.llm import ChatEndpoint
from cmo.llm.gguf import install
from cmo.llm.local import KVCacheConfig, LocalModel

HERE = Path(__file__).parent


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_proxy = _module("proxy")


def absent(what: str) -> None:
    """Not to have it is a failure where CI is set."""
    (pytest.fail if "CI" in os.environ else pytest.skip)(what)  # noqa: TID251 - CI is no setting of ours


@pytest.fixture(scope="session")
def weights() -> Path:
    """SmolLM2 in the user's own cache, so that it is fetched once."""
    try:
        return install("smollm2", Path("~/.cache/cmo/models").expanduser())
    except ModelMissing as error:
        absent(str(error))
        raise


@pytest.fixture(scope="session")
def smollm2(weights: Path) -> Iterator[LocalModel]:
    """Loaded once."""
    if not importlib.util.find_spec("xllamacpp"):
        absent("xllamacpp is not installed: pip install 'clinical-metabolomics-oracle[local-llm]'")
    model = LocalModel("smollm2", weights.parent, KVCacheConfig(context_tokens=2048), threads=1)
    yield model
    model.close()


@pytest.fixture
def proxy(smollm2: LocalModel) -> Iterator[Any]:
    with _proxy.Proxy(smollm2.start()[0]) as proxy:
        yield proxy


@pytest.fixture
def chat(proxy: Any, smollm2: LocalModel) -> Iterator[ChatEndpoint]:
    """The model through the proxy, twelve seconds a request."""
    with ChatEndpoint(
        base_url=proxy.url, model="smollm2", api_key=smollm2.start()[1], timeout=12.0, first_pause=0.01
    ) as chat:
        yield chat
