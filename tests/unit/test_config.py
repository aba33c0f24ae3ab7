"""Where settings come from, what does not go together, and what is never shown."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cmo.cli import main
from cmo.errors import SettingsError
from cmo.settings import Settings, read_settings
from cmo.settings.clashes import clashes
from cmo.settings.origins import MASK, Origin, masked, rows, secrets_of, unknown
from cmo.settings.profiles import PROFILES, Profile


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `.env` that is read."""
    path = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", str(path))
    return path


def row(field: str, **options: Any) -> tuple[str, Origin, str]:
    found = next(r for r in rows(read_settings(**options), options) if r.field == field)
    return found.value, found.origin, found.where


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    monkeypatch.setattr(sys, "argv", ["cmo", "config", *arguments, "--json"])
    with pytest.raises(SystemExit) as end:
        main.run()
    return int(end.value.code or 0), json.loads(capsys.readouterr().out)


def test_a_value_comes_from_option_environment_file_profile_default_in_this_order(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert row("daily_budget") == ("100", Origin.DEFAULT, "")
    monkeypatch.setenv("ENVIRONMENT", "Production")
    assert row("daily_budget") == ("500", Origin.PROFILE, "production")
    file.write_text("# money\nexport LIGHTRAG_DAILY_BUDGET=7\n")
    assert row("daily_budget") == ("7", Origin.FILE, f"LIGHTRAG_DAILY_BUDGET, line 2 of {file}")
    monkeypatch.setenv("LIGHTRAG_MAX_BUDGET", "8")
    assert row("daily_budget") == ("8", Origin.ENVIRONMENT, "LIGHTRAG_MAX_BUDGET")
    assert row("daily_budget", daily_budget=9) == ("9", Origin.OPTION, "")


def test_a_profile_is_named_by_cmo_profile_before_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("CMO_PROFILE", "development")
    settings = read_settings()
    assert (settings.profile, settings.quality_threshold, settings.quality_validation) == ("development", 0.7, False)
    monkeypatch.delenv("CMO_PROFILE")
    monkeypatch.setenv("ENVIRONMENT", "somewhere")
    assert read_settings().profile == "", "a name that others use for their own ends is none of ours"
    monkeypatch.setenv("CMO_PROFILE", "somewhere")
    with pytest.raises(SettingsError, match="CMO_PROFILE"):
        read_settings()


def test_what_a_profile_sets_are_settings_that_can_be_used() -> None:
    for profile in Profile:
        settings = read_settings(profile=profile.value, **PROFILES[profile])
        assert set(PROFILES[profile]) <= set(Settings.model_fields)
        assert clashes(settings) == []


def test_staging_pays_with_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_PROFILE", "staging")
    monkeypatch.setenv("STAGING_OPENAI_API_KEY", "rehearsal")
    assert read_settings().llm_api_key.get_secret_value() == "rehearsal"
    assert row("llm_api_key") == (MASK, Origin.PROFILE, "staging")
    monkeypatch.setenv("CMO_PROFILE", "production")
    assert read_settings().llm_api_key.get_secret_value() == ""


def test_a_name_that_nothing_reads_is_told_with_the_nearest(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_PROT", "1")
    monkeypatch.setenv("cmo_zzzzzzzzzzzzzz", "1")
    file.write_text("OPENAI_API_KEYS=x\nSOMEBODY_ELSES=x\n")
    found = {one.name: (one.nearest, one.where) for one in unknown(Settings)}
    assert found == {
        "CMO_PROT": ("CMO_PORT", "environment"),
        "CMO_ZZZZZZZZZZZZZZ": ("", "environment"),
        "OPENAI_API_KEYS": ("OPENAI_API_KEY", f"line 1 of {file}"),
    }


@pytest.mark.parametrize(
    ("set_", "named"),
    [
        ({"llm_url": "http://127.0.0.1:1/v1"}, "CMO_LLM_MODEL"),
        ({"llm_local": True}, "CMO_LLM_LOCAL"),
        ({"answers": "generated"}, "CMO_ANSWERS=generated"),
        ({"llm_classification": True}, "ENABLE_LLM_CLASSIFICATION"),
        ({"cache": False, "redis_host": "h"}, "CMO_CACHE"),
        ({"redis_url": "redis://h", "redis_host": "h"}, "REDIS_HOST"),
        ({"cache_entries": 0, "cache_disk_megabytes": 0}, "CMO_CACHE_ENTRIES"),
        ({"max_hops": 0}, "MAX_HOPS"),
        ({"monthly_budget": 50}, "LIGHTRAG_MONTHLY_BUDGET"),
        ({"profile": "production", "host": "0.0.0.0"}, "CMO_TLS_CERTIFICATE"),
        ({"access": "open", "host": "0.0.0.0"}, "CMO_ACCESS"),
        ({"nli_model": "/no/such/folder"}, "CMO_NLI_MODEL"),
        ({"tls_certificate": __file__}, "CMO_TLS_KEY"),
        ({"tls_certificate": "/no/such.pem", "tls_key": __file__}, "CMO_TLS_CERTIFICATE"),
        ({"database_url": "mysql://me@host/cmo"}, "DATABASE_URL"),
        ({"database_url": "nonsense"}, "DATABASE_URL"),
    ],
)
def test_settings_that_contradict_each_other_are_explained(set_: dict[str, Any], named: str) -> None:
    told = clashes(read_settings(**set_))
    assert any(named in clash.names and clash.remedy.endswith(".") for clash in told)
    assert clashes(read_settings()) == []


def test_a_file_of_settings_that_is_no_text_is_named_not_stumbled_over(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes("CMO_PORT=8001".encode("utf-16"))
    for command in ("check", "show"):
        code, said = run(monkeypatch, capsys, command)
        assert (code, said["error"]["code"]) == (2, "settings")
        assert "UTF-8" in said["error"]["message"]


def test_secrets_are_masked_also_in_addresses() -> None:
    settings = read_settings(
        database_url="postgresql://mia:geheim@db/cmo?sslpassword=verborgen",
        redis_url="redis://:leise@r",
        admin_token="t0k",
    )
    assert {"geheim", "verborgen", "leise", "t0k"} <= secrets_of(settings)
    told = str(rows(settings))
    assert not [word for word in secrets_of(settings) if word in told]
    assert masked("https://h/v1?api_key=abc&n=1") == f"https://h/v1?api_key={MASK}&n=1"


def test_the_command_tells_all_that_is_wrong_and_by_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, "check") == (0, {"usable": True, "sound": True, "findings": []})
    monkeypatch.setenv("PORT", "81")
    monkeypatch.setenv("CMO_PORT", "80")
    code, told = run(monkeypatch, capsys, "check")
    assert (code, told["findings"][0]["names"]) == (9, ["PORT"])
    monkeypatch.setenv("CMO_PORT", "geheim")
    code, told = run(monkeypatch, capsys, "check")
    assert (code, told["usable"], told["findings"][0]["names"]) == (2, False, ["CMO_PORT"])
    assert "geheim" not in str(told), "a value that cannot be used may be a secret in the wrong place"


def test_one_setting_is_found_by_any_of_its_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = run(monkeypatch, capsys, "show", "lightrag_max_budget")
    assert (code, [r["field"] for r in told["settings"]]) == (0, ["daily_budget"])
    code, told = run(monkeypatch, capsys, "show", "CMO_PROT")
    assert (code, "CMO_PORT" in told["error"]["message"]) == (5, True)
