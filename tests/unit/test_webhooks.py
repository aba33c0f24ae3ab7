"""What is signed, how long is waited, and what others are told of a rollout."""

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest

from cmo.errors import SettingsError
from cmo.model.webhooks import Delivery, Kind, State, moved
from cmo.notify.courier import address
from cmo.notify.signed import PAUSES, Said, body_of, fate_of, fresh_secret, headers_of, signature

DELIVERY = Delivery("msg_1", "wh_1", "paper.added", 1_790_000_000.25, {"id": "doi:10/1"})


def test_the_signature_is_that_of_the_specification() -> None:
    # The example that the libraries of the specification test themselves by.
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    said = signature(secret, message, 1614265330, b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_says_what_happened_to_what_and_when_and_can_be_checked() -> None:
    secret = fresh_secret()
    body = body_of(DELIVERY, "lab-two")
    assert orjson.loads(body) == {
        "type": "paper.added", "timestamp": "2026-09-21T14:13:20.250Z", "data": {"id": "doi:10/1", "tenant": "lab-two"},
    }  # fmt: skip
    headers = headers_of((secret,), "msg_1", 17, body)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, b"msg_1.17." + body, hashlib.sha256)).decode()
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", "17")
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert len(key) >= 24
    assert fresh_secret() != secret


def test_pauses_grow_by_chance_until_it_is_given_up_after_three_days() -> None:
    said, due = Said(taken=False, words="HTTP 500", status=500), []
    for attempt in range(1, len(PAUSES) + 1):
        early, late = (fate_of(attempt, said, 0.0, chance) for chance in (0.0, 0.999))
        assert early.state is late.state is State.WAITING
        assert PAUSES[attempt - 1] == early.due_at < late.due_at < 1.5 * PAUSES[attempt - 1]
        due.append(early.due_at)
    assert due == sorted(due)
    assert sum(due) > 3 * 86_400
    assert fate_of(len(PAUSES) + 1, said, 0.0, 0.0).state is State.GIVEN_UP


def test_a_receiver_may_ask_for_a_pause_but_not_for_ever_and_may_want_no_more() -> None:
    busy = Said(taken=False, words="HTTP 429", status=429, asked=900.0)
    assert fate_of(1, busy, 100.0, 0.0).due_at == 1_000.0
    greedy = Said(taken=False, words="HTTP 503", status=503, asked=1e12)
    assert fate_of(1, greedy, 0.0, 0.0).due_at == 86_400.0
    gone = fate_of(1, Said(taken=False, words="HTTP 410", status=410), 0.0, 0.0)
    assert (gone.state, bool(gone.ends)) == (State.GIVEN_UP, True)
    assert fate_of(9, Said(taken=True, words="HTTP 204", status=204), 5.0, 0.0).state is State.DELIVERED


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x", "http://[::1]/", "http://169.254.169.254/latest/meta-data", "https://10.1.2.3/", "http://localhost/",
        "http://[::ffff:127.0.0.1]/", "http://box.local/", "http://intranet/", "http://100.64.0.1/", "http://0.0.0.0/",
        "http://example.org/", "ftp://example.org/", "example.org", "", "https://me:secret@example.org/", "https://exa mple.org/", "https://example.org:99999/",
    ],
)  # fmt: skip
def test_no_webhook_leads_into_a_private_network_or_nowhere(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        address(url, private=False)
    assert "secret" not in str(caught.value)


def test_in_a_private_network_only_where_that_is_meant() -> None:
    assert address("http://127.0.0.1:9/x", private=True) == "http://127.0.0.1:9/x"
    assert address("https://example.org/x?key=1", private=False) == "https://example.org/x?key=1"


def stands(phase: str, percent: float = 0, stage: int = 0) -> dict[str, Any]:
    return {"phase": phase, "percent": percent, "stage": stage}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (stands("running", 1), stands("running", 5, 1), Kind.RELEASE_STEP),
        (stands("running", 50), stands("done", 100, 3), Kind.RELEASE_FINISHED),
        (stands("running", 50), stands("back"), Kind.RELEASE_ROLLED_BACK),
        (stands("done", 100), stands("backing", 50), Kind.RELEASE_ROLLED_BACK),
        (stands("backing", 50), stands("backing", 25), Kind.RELEASE_STEP),
        (stands("backing", 25), stands("back"), Kind.RELEASE_STEP),
        (stands("running", 5), stands("frozen", 5), None),
        (stands("held", 5), stands("running", 5), None),
        (stands("done", 100), stands("done", 100), None),
    ],
)
def test_a_rollback_and_an_end_are_told_once(before: dict[str, Any], after: dict[str, Any], told: Kind | None) -> None:
    assert moved({"from": before, "to": after}) is told


def test_a_flag_that_was_set_is_no_event() -> None:
    assert moved({"removed": True}) is None
