"""Who somebody is by what a provider says, and a sign-in as a value."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.access.attempt import LASTS_SECONDS, Attempt, onward
from cmo.access.persons import Standing, Stranger, person, role_of, roles_in
from cmo.access.provider import sound
from cmo.cast.signing import client_secret, provider_of
from cmo.errors import ExtraMissing, SettingsError
from cmo.model.access import Person, Role
from cmo.settings import Settings, read_settings
from cmo.settings.clashes import clashes
from cmo.settings.origins import rows, secrets_of
from cmo.testing import FakeClock

WHOLE = {
    "oidc_issuer": "https://id.example/realms/lab",
    "oidc_client_id": "oracle",
    "oidc_redirect_url": "https://oracle.example/login/oidc/callback",
    "oidc_roles": "readers=reader",
    "tls_before": True,
    "allowed_hosts": "oracle.example",
}
CLAIMS = {"iss": "https://id.example", "sub": "u-1", "preferred_username": "mia", "groups": ["readers"]}


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("a=reader", {"a": "reader"}),
        (" a = reader ,b=admin,", {"a": "reader", "b": "admin"}),
        ("CN=lab, OU=people=curator, *=reader", {"CN=lab, OU=people": "curator", "*": "reader"}),
        ("a=reader\nb c=operator", {"a": "reader", "b c": "operator"}),
        ("reader=admin", {"reader": "admin"}),
    ],
)
def test_roles_are_read_by_group(text: str, roles: dict[str, str]) -> None:
    assert roles_in(text) == {group: Role(role) for group, role in roles.items()}


@pytest.mark.parametrize(
    "text", ["a", "a=", "=reader", "a=king", "a=reader b=admin x", ",a=reader", "a=reader,,b=reader"]
)
def test_roles_that_cannot_be_read_are_refused_with_the_place(text: str) -> None:
    with pytest.raises(SettingsError, match="CMO_OIDC_ROLES cannot be read from"):
        roles_in(text)


@given(st.lists(st.sampled_from(["r", "c", "o", "a", "x", "*"])))
def test_nobody_has_more_than_their_highest_group(groups: list[str]) -> None:
    roles = {"r": Role.READER, "c": Role.CURATOR, "o": Role.OPERATOR, "a": Role.ADMIN}
    told = role_of(groups, roles)
    assert told == max((roles[g] for g in groups if g in roles), key=lambda r: r.rank, default=None)
    assert role_of(groups, {"*": Role.READER} | roles) in {told, Role.READER}


@pytest.mark.parametrize(
    ("claims", "standing", "who"),
    [
        ({}, {}, ("mia", Role.READER, "")),
        ({"groups": "readers"}, {}, ("mia", Role.READER, "")),
        ({"groups": None}, {}, Stranger.NO_ROLE),
        ({"groups": ["Readers"]}, {}, Stranger.NO_ROLE),
        ({"realm_access": {"roles": ["readers"]}}, {"roles_claim": "realm_access.roles"}, ("mia", Role.READER, "")),
        ({"https://x.y/r": ["readers"]}, {"roles_claim": "https://x.y/r"}, ("mia", Role.READER, "")),
        ({"t": "lab-two"}, {"tenant_claim": "t"}, ("mia", Role.READER, "lab-two")),
        ({"t": "Lab Two"}, {"tenant_claim": "t"}, Stranger.NO_TENANT),
        ({"t": ""}, {"tenant_claim": "t"}, Stranger.NO_TENANT),
        ({"t": "Own One"}, {"tenant_claim": "t", "tenant": "Own One"}, ("mia", Role.READER, "Own One")),
        ({"preferred_username": " ", "email": "m@x.org"}, {}, ("m@x.org", Role.READER, "")),
        ({"preferred_username": ["a"]}, {}, ("u-1", Role.READER, "")),
        ({"preferred_username": "a/b\u202e\n"}, {}, ("a_b", Role.READER, "")),
        ({"preferred_username": "local"}, {}, ("local~", Role.READER, "")),
        ({"sub": "\ud800"}, {}, Stranger.NO_NAME),
        ({"sub": ""}, {}, Stranger.NO_NAME),
        ({"sub": "x" * 256}, {}, Stranger.NO_NAME),
    ],
)
def test_who_somebody_is(claims: dict[str, object], standing: dict[str, str], who: object) -> None:
    told = person({**CLAIMS, **claims}, Standing({"readers": Role.READER}, **standing))
    assert (told if isinstance(told, Stranger) else (told.name, told.role, told.tenant)) == who


def test_somebody_is_who_they_are_by_provider_and_subject_alone() -> None:
    one = Person("https://a", "b", "x", Role.READER, "")
    assert one.id == Person("https://a", "b", "y", Role.ADMIN, "t").id
    assert (
        one.digest
        != Person("https://a\nb", "", "x", Role.READER, "").digest
        != Person("", "https://a\nb", "x", Role.READER, "")
    )
    assert one.id[0] == "p"


def test_a_sign_in_is_read_back_from_its_cookie_for_ten_minutes() -> None:
    made = Attempt.begin("/graph?q=1", 1_000.7)
    for now, same in ((1_001, True), (1_000 + LASTS_SECONDS, True), (1_001 + LASTS_SECONDS, False), (999, False)):
        assert (Attempt.read(made.cookie, now) == made) is same, now
    assert made.secret not in repr(made)
    assert len({made.state, made.nonce, made.verifier, made.secret, Attempt.begin("/", 1).state}) == 5
    assert made.is_of(made.state)
    assert not made.is_of("ü")


@given(st.text(max_size=60))
def test_no_address_leads_elsewhere(address: str) -> None:
    there = onward(address)
    assert there == "/" or (
        there == address and there[0] == "/" and there[1:2] not in {"/", "\\"} and "\n" not in there
    )


@pytest.mark.parametrize("text", ["", "a.b.c", "x" * 43 + ".1.L", "x" * 43 + ".1." + "A" * 3_000, "x" * 43 + ".-1.Lw"])
def test_what_is_no_cookie_of_a_sign_in_is_none(text: str) -> None:
    assert Attempt.read(text, 1.0) is None


@pytest.mark.parametrize(
    ("url", "here", "told"),
    [
        ("https://id.example/x", False, True),
        ("http://127.0.0.1:8080/x", True, True),
        ("http://127.0.0.1:8080/x", False, False),
        ("http://id.example", True, False),
        ("https://a:b@id.example", True, False),
        ("https://id.example/#x", True, False),
        ("javascript:alert(1)", True, False),
        ("https://id.example/\\x", True, False),
    ],
)
def test_only_https_is_asked_save_on_this_machine(url: str, *, here: bool, told: bool) -> None:
    assert sound(url, here=here) is told


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"oidc_issuer": ""}, "CMO_OIDC_ISSUER must be set"),
        ({"oidc_client_id": " "}, "CMO_OIDC_CLIENT_ID must be set"),
        ({"oidc_redirect_url": "", "oidc_roles": ""}, "CMO_OIDC_REDIRECT_URL, CMO_OIDC_ROLES must be set"),
        ({"oidc_issuer": "http://id.example"}, "address of https"),
        ({"oidc_issuer": "https://id.example/?x=1"}, "no query"),
        ({"oidc_redirect_url": "https://oracle.example/"}, "/login/oidc/callback"),
        ({"oidc_roles": "a=king"}, "cannot be read from 'a=king'"),
        ({"oidc_audience": "oracle"}, "must not be CMO_OIDC_CLIENT_ID"),
        ({"oidc_scopes": "profile"}, "oidc_scopes: String should match"),
    ],
)
def test_sign_in_that_is_set_by_half_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(**{**WHOLE, **change})


def test_a_secret_alone_is_half_as_well() -> None:
    with pytest.raises(SettingsError, match="CMO_OIDC_ISSUER, CMO_OIDC_CLIENT_ID"):
        read_settings(oidc_client_secret="x")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, ""),
        ({"access": "open"}, "CMO_ACCESS"),
        ({"allowed_hosts": ""}, "CMO_ALLOWED_HOSTS"),
        ({"tls_before": False}, "CMO_TLS_BEFORE"),
    ],
)
def test_settings_that_go_against_signing_in_are_found(change: dict[str, object], name: str) -> None:
    found = [clash for clash in clashes(read_settings(**{**WHOLE, **change})) if "CMO_OIDC" in str(clash.names)]
    assert [name in clash.names for clash in found] == ([True] if name else [])


def test_the_secret_is_masked_wherever_settings_are_shown() -> None:
    settings = read_settings(**WHOLE, oidc_client_secret="hush-hush")
    assert "hush-hush" not in str([row.value for row in rows(settings)]) + repr(settings)
    assert "hush-hush" in secrets_of(settings)


def test_the_secret_may_be_in_a_file(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "secret"
    settings = read_settings(**WHOLE, oidc_client_secret_file=path)
    with pytest.raises(SettingsError, match="cannot be read"):
        client_secret(settings)
    path.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        client_secret(settings)
    path.write_text("hush\n")
    assert client_secret(settings) == "hush"
    assert isinstance(settings, Settings)


def test_without_the_extra_it_is_said_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(ExtraMissing, match=r"pip install .*\[oidc\]"):
        provider_of(read_settings(**WHOLE), FakeClock())


def test_who_never_signs_in_with_a_provider_loads_nothing_of_it() -> None:
    code = "import sys, cmo.access; print([m for m in ('httpx', 'joserfc', 'cmo.access.signin') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"
