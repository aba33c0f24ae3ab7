"""What can still be looked at where settings cannot be used."""

from pathlib import Path

import pytest

from cmo.settings import Settings
from cmo.settings.usable import usable


@pytest.mark.parametrize(
    ("said", "words", "kept"),
    [
        ({"CMO_PORT": "abc", "CMO_DAILY_BUDGET": "7"}, "CMO_PORT", "oidc_issuer"),
        ({"CHUNK_SIZE": "40", "CHUNK_OVERLAP": "50"}, "CHUNK_OVERLAP must be smaller", "port"),
        ({"CMO_OIDC_ISSUER": "https://id.example"}, "CMO_OIDC_CLIENT_ID", "port"),
        ({"MAX_HOPS": "9", "CMO_OIDC_ISSUER": "https://id.example"}, "CMO_OIDC_CLIENT_ID", "port"),
        ({"CMO_SHADOW": "true", "CMO_OIDC_ISSUER": "x", "MAX_HOPS": "9"}, "MAX_HOPS", "port"),
    ],
)
def test_what_can_be_used_is_used_and_what_cannot_is_said(
    said: dict[str, str], words: str, kept: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CMO_HOST", "127.0.0.2")
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    settings, wrong = usable(working_dir=tmp_path)
    assert words in wrong
    assert (settings.working_dir, settings.host) == (tmp_path, "127.0.0.2")
    assert getattr(settings, kept) == Settings.model_fields[kept].default


def test_where_all_can_be_used_nothing_is_said(tmp_path: Path) -> None:
    settings, wrong = usable(working_dir=tmp_path, port=None)
    assert (settings.working_dir, settings.port, wrong) == (tmp_path, 8000, "")


def test_a_file_that_is_no_text_leaves_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"CMO_PORT=\xff\xfe")
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    settings, wrong = usable(working_dir=tmp_path)
    assert ("no UTF-8" in wrong, settings.port) == (True, 8000)
