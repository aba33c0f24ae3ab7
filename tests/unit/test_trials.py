"""Who is told, and what is tried, by the settings."""

from pathlib import Path
from typing import Any

import pytest

from cmo.cast.trials import Trials
from cmo.errors import SettingsError
from cmo.notify import channels
from cmo.settings import read_settings
from cmo.testing import FakeClock


def nothing(*_: object) -> Any:
    raise AssertionError("nobody is asked for this")


def trials_of(**settings: object) -> Trials:
    return Trials(read_settings(**settings), FakeClock(), Path(), store=nothing, unseen=nothing, support=nothing)


def names(**settings: object) -> list[str]:
    return [channel.name for channel in channels(read_settings(**settings), FakeClock())]


def test_nobody_is_told_unless_somebody_says_so() -> None:
    assert names() == []


def test_a_webhook_and_mail_are_set_by_the_documented_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example.org/services/secret")
    monkeypatch.setenv("EMAIL_ALERTS_ENABLED", "true")
    monkeypatch.setenv("ALERT_EMAIL", "a@example.org, b@example.org")
    monkeypatch.setenv("CMO_SMTP_HOST", "mail.example.org")
    assert names() == ["webhook at hooks.example.org", "mail by mail.example.org"]


@pytest.mark.parametrize(
    "wrong",
    [{"slack_webhook_url": "secret nonsense"}, {"email_alerts": True}, {"email_alerts": True, "alert_email": "nobody"}],
)
def test_what_cannot_work_is_said_at_once_and_shows_no_secret(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(**wrong)
    assert "hunter2" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_there_is_no_shadow_unless_somebody_says_so() -> None:
    assert trials_of().shadow is None
