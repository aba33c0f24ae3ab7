"""Settings: documented names, defaults, and errors that name what is wrong."""

from pathlib import Path

import pytest

from cmo.errors import SettingsError
from cmo.settings import Settings, read_settings


def test_the_defaults_need_nothing() -> None:
    settings = read_settings()
    assert (settings.chunk_size, settings.chunk_overlap) == (512, 50)
    assert settings.working_dir == Path(".cmo")


def test_the_documented_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LIGHTRAG_WORKING_DIR": "/tmp/kb",
        "LIGHTRAG_PAPERS_DIR": "/tmp/papers",
        "CHUNK_SIZE": "256",
        "CHUNK_OVERLAP": "20",
        "EMBED_MODEL": "other",
        "PORT": "9000",
    }.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert settings.working_dir == Path("/tmp/kb")
    assert settings.papers_dir == Path("/tmp/papers")
    assert (settings.chunk_size, settings.chunk_overlap, settings.embed_model) == (256, 20, "other")
    assert settings.port == 9000


def test_what_is_given_wins_and_what_is_none_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUNK_SIZE", "256")
    assert read_settings(chunk_size=128).chunk_size == 128
    assert read_settings(chunk_size=None).chunk_size == 256


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHUNK_SIZE", "many"),
        ("CHUNK_SIZE", "1"),
        ("PORT", "70000"),
        ("CMO_KEEP_SNAPSHOTS", "0"),
        ("CMO_CACHE_SECONDS", "inf"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        read_settings()


def test_an_env_file_in_another_encoding_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    (tmp_path / ".env").write_bytes(b"CMO_TENANT=M\xfcnchen\n")
    with pytest.raises(SettingsError, match=r"\.env .* no UTF-8"):
        read_settings()


def test_an_overlap_as_large_as_the_chunk_is_refused() -> None:
    with pytest.raises(SettingsError, match="CHUNK_OVERLAP must be smaller than CHUNK_SIZE"):
        read_settings(chunk_size=64, chunk_overlap=64)


def test_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(read_settings())
