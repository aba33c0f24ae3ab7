"""Signing in with a provider, over HTTP: a browserless browser, a service, a provider, and whoever stands between them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.cast.examining import Examining
from cmo.cast.holdings import Holdings
from cmo.kit.rate import Rate
from cmo.model.access import Key, Role
from cmo.ops.doctor import State, examine
from cmo.settings import read_settings
from cmo.web import create_api
from tests.integration import identity
from tests.integration.identity import BACK, CLIENT, Provider, public, signed

Open = Callable[..., Any]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with identity.provider() as server:
        yield server


@pytest.fixture
def house(open_base: Open, provider: Provider) -> Iterator[Any]:
    with open_base(**identity.settings(provider)) as base:
        yield base.app


@asynccontextmanager
async def browser(house: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await house.sign_in.provider.aclose()


async def gone(http: httpx.AsyncClient, address: str = "/graph?q=1") -> str:
    """Go to the provider; returns where it sends one back to."""
    sent = await http.get("/login/oidc", params={"next": address})
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient() as outside:
        came = await outside.get(sent.headers["location"])
    assert came.status_code == 302, came.text
    back = came.headers["location"]
    assert back.startswith(BACK)
    return back.removeprefix("http://127.0.0.1")


async def signed_in(http: httpx.AsyncClient, address: str = "/graph?q=1") -> httpx.Response:
    return await http.get(await gone(http, address))


def done(house: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(line.deed.action, dict(line.deed.facts)) for line in house.record.access.lines()]


def refused(house: Any) -> str:
    """Why the last one was not let in, as the audit has it."""
    action, facts = done(house)[-1]
    assert action == "login-refused"
    return str(facts["why"])


async def test_somebody_signs_in_asks_and_logs_out(house: Any, provider: Provider) -> None:
    async with browser(house) as http:
        assert (await http.get("/api/me")).status_code == 401
        assert 'href="/login/oidc?next=/graph%3Fq%3D1"' in (await http.get("/login?next=/graph%3Fq%3D1")).text
        begun = await http.get("/login/oidc")
        said = begun.headers["set-cookie"]
        assert all(part in said for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"))
        reply = await signed_in(http)
        assert (reply.status_code, reply.headers["refresh"]) == (200, "0;url=/graph?q=1")
        assert "signed in as mia" in reply.text
        session = next(one for one in reply.headers.get_list("set-cookie") if one.startswith("cmo="))
        assert all(part in session for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"))
        me = (await http.get("/api/me")).json()
        assert (me["name"], me["role"], me["tenant"], me["provider"]) == ("mia", "reader", "", True)
        assert "cmo-oidc" not in http.cookies
        assert (await http.post("/logout", headers={"Origin": "http://127.0.0.1"})).status_code == 204
        assert (await http.get("/api/me")).status_code == 401
        assert "Log out of your institution as well" in (await http.get("/login?out")).text
        way = (await http.get("/login/oidc/leave")).headers["location"]
        assert way.startswith(
            f"{provider.issuer}/end?client_id={CLIENT}&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%2Flogin"
        )
    assert [action for action, _ in done(house)] == ["login", "logout"]
    assert done(house)[0][1] | {"from": ""} == {"from": "", "by": "oidc", "role": "reader", "tenant": ""}


WRONG: list[tuple[Callable[[Any], str], str]] = [
    (lambda c: signed({**c, "nonce": "another"}), "nonce"),
    (lambda c: signed({**c, "nonce": None}), "incomplete"),
    (lambda c: signed(c, "stranger"), "key"),
    (lambda c: signed(c, "stranger", kid="one"), "signature"),
    (lambda c: signed(c, alg="none"), "algorithm"),
    (lambda c: signed(c, alg="HS256"), "algorithm"),
    (lambda c: signed({**c, "exp": c["iat"] - 60, "iat": c["iat"] - 360}), "expired"),
    (lambda c: signed({**c, "iat": c["iat"] + 600}), "time"),
    (lambda c: signed({**c, "exp": True}), "time"),
    (lambda c: signed({**c, "aud": "another"}), "audience"),
    (lambda c: signed({**c, "aud": [CLIENT, "another"]}), "audience"),
    (lambda c: signed({**c, "azp": "another"}), "audience"),
    (lambda c: signed({**c, "iss": "https://evil.example"}), "issuer"),
    (lambda c: signed({name: value for name, value in c.items() if name != "sub"}), "incomplete"),
    (lambda c: signed({name: value for name, value in c.items() if name != "exp"}), "incomplete"),
    (lambda _: "no.token.this", "unreadable"),
    (lambda c: signed({**c, "filler": "x" * 40_000}), "unreadable"),
    (lambda c: signed(c, crit=["b64"], b64=False), "unreadable"),
    (lambda c: signed({**c, "sub": "ü"}), "no-name"),
    (lambda c: signed({**c, "groups": ["lab"]}), "no-role"),
    (lambda c: signed({**c, "groups": {"oracle-admins": True}}), "no-role"),
    (lambda c: signed({**c, "groups": [["oracle-admins"], 7, None]}), "no-role"),
]


async def test_a_token_of_which_anything_is_wrong_lets_nobody_in(house: Any, provider: Provider) -> None:
    async with browser(house) as http:
        for number, (make, why) in enumerate(WRONG):
            provider.sign = make
            house.warden._noted._moments.clear()  # all of them are to be written down
            reply = await signed_in(http)
            assert (reply.status_code, refused(house)) == (403, why), number
            assert not http.cookies.get("cmo")
            assert (await http.get("/api/me")).status_code == 401


async def test_whoever_has_several_groups_has_the_highest_role_and_the_next_login_may_change_it(
    house: Any, provider: Provider
) -> None:
    provider.keys.append(public("two", "ES256"))
    provider.sign = lambda claims: signed({**claims, "aud": [CLIENT, "x"], "azp": CLIENT}, "two", "ES256")
    provider.person |= {"groups": ["oracle-readers", "oracle-admins", "oracle-staff"]}
    async with browser(house) as http:
        for groups, role in ((["oracle-admins", "oracle-readers"], "admin"), ("oracle-staff", "curator")):
            provider.person["groups"] = groups
            await signed_in(http)
            await asyncio.sleep(0.6)
            assert (await http.get("/api/me")).json()["role"] == role
    assert len(house.keyring.all()) == 1


async def test_a_state_is_of_one_browser_of_one_time_and_of_ten_minutes(house: Any) -> None:
    async with browser(house) as mia, browser(house) as eve:
        eves = await gone(eve)
        assert (await mia.get(eves)).status_code == 400  # Eve's link, in Mia's browser: she would be signed in as Eve
        await gone(mia)
        assert (await mia.get(eves)).status_code == 400
        back = await gone(mia)
        kept = dict(mia.cookies)
        assert (await mia.get(back)).status_code == 200
        mia.cookies.clear()
        mia.cookies.update(kept)  # as if the reply had never come
        assert (await mia.get(back)).status_code == 400
        assert refused(house) == "state"
        mia.cookies.clear()
        old = await gone(mia)
        cookie = mia.cookies["cmo-oidc"]
        secret, begun, rest = cookie.split(".")
        for changed in (
            f"{secret}.{int(begun) - 1}.{rest}",
            f"{secret}.{begun}.{rest}AA",
            f"{secret}.{begun}",
            "x" * 4000,
        ):
            mia.cookies.clear()
            mia.cookies.set("cmo-oidc", changed)
            assert (await mia.get(old)).status_code == 400, changed


async def test_a_code_that_was_used_or_stolen_opens_nothing(house: Any) -> None:
    async with browser(house) as mia, browser(house) as eve:
        back = await gone(mia)
        eves = await gone(eve)
        code = re.search(r"code=([^&]+)", back)[1]  # type: ignore[index]
        stolen = re.sub(r"code=[^&]+", f"code={code}", eves)
        assert (await eve.get(stolen)).status_code == 400  # the verifier is Mia's browser's
        assert refused(house) == "code"
        assert (await mia.get(back)).status_code == 400  # and now it was used
        for query in ("", "?state=x", "?code=y", "?error=access_denied&state=x"):
            assert (await mia.get(f"/login/oidc/callback{query}")).status_code == 400


async def test_somebody_who_says_no_there_is_told_so_and_nothing_of_it_is_shown(house: Any) -> None:
    async with browser(house) as http:
        back = await gone(http)
        reply = await http.get(re.sub(r"code=[^&]+", "error=%3Cscript%3E", back))
        assert (reply.status_code, "did not say who you are" in reply.text) == (403, True)
        assert "<script" not in reply.text
    assert refused(house) == "denied"


async def test_whoever_comes_back_again_and_again_is_told_to_wait(
    house: Any, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmo.web.entrance._RETURNS", Rate(0.001, 8))
    async with browser(house) as http:
        replies = [await http.get("/login/oidc/callback?state=x&code=y") for _ in range(10)]
    assert [reply.status_code for reply in replies] == [400] * 8 + [429] * 2
    assert int(replies[-1].headers["retry-after"]) > 0
    assert provider.asked == []
    assert len([action for action, _ in done(house) if action == "login-refused"]) == 5


async def test_another_provider_cannot_be_mixed_in(house: Any, provider: Provider) -> None:
    provider.said = {"authorization_response_iss_parameter_supported": True}
    async with browser(house) as http:
        for iss, status in (("", 403), ("&iss=https://evil.example", 403), (f"&iss={provider.issuer}", 200)):
            assert (await http.get(f"{await gone(http)}{iss}")).status_code == status, iss


async def test_nobody_is_sent_to_another_site_after_signing_in(house: Any) -> None:
    async with browser(house) as http:
        for address in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/a\nb",
            "",
        ):
            assert (await signed_in(http, address)).headers["refresh"] == "0;url=/", address
        page = (await http.get("/login", params={"next": '//evil"><script>'})).text
        assert "evil" not in page
        marked = (await signed_in(http, '/graph?q="><b>')).text
        assert 'href="/graph?q=&quot;&gt;&lt;b&gt;"' in marked


async def test_keys_that_came_in_the_place_of_others_are_asked_for(house: Any, provider: Provider) -> None:
    async with browser(house) as http:
        assert (await signed_in(http)).status_code == 200
        provider.keys, provider.sign = [public("two")], lambda claims: signed(claims, "two")
        assert (await signed_in(http)).status_code == 403  # they were asked for a moment ago
        house.sign_in.provider._keys._at -= 6.0
        assert (await signed_in(http)).status_code == 200
        asked = provider.asked.count("/jwks")
        provider.sign = lambda claims: signed(claims, "stranger")
        for _ in range(5):
            assert (await signed_in(http)).status_code == 403
        assert provider.asked.count("/jwks") == asked  # whoever shows made up keys makes nobody ask
    assert provider.asked.count("/.well-known/openid-configuration") == 1


async def test_a_provider_that_says_what_cannot_be_used_is_not_used(house: Any, provider: Provider) -> None:
    async with browser(house) as http:
        for said, words in (
            ({"issuer": "https://other.example"}, "calls itself"),
            ({"authorization_endpoint": "javascript:alert(1)"}, "no authorization_endpoint"),
            ({"token_endpoint": "http://elsewhere.example/token"}, "no token_endpoint"),
            ({"jwks_uri": 7}, "no jwks_uri"),
            ({"id_token_signing_alg_values_supported": ["HS256"]}, "signs by none"),
        ):
            provider.said = said
            house.sign_in.provider._described._failed_at = -10.0
            reply = await http.get("/login/oidc")
            assert (reply.status_code, words in reply.text) == (503, True), said


async def test_a_provider_that_is_slow_endless_or_gone_is_said_to_be_and_keys_still_open(
    house: Any, provider: Provider
) -> None:
    key = house.keyring.make(Key("", "", "ada", Role.ADMIN, "", 0.0), "root")[1].text
    sign_in = house.sign_in
    sign_in.provider._seconds = 0.3
    async with browser(house) as http:
        for trouble in ({"slow": 4.0}, {"padding": 2_000_000}, {"down": True}):
            vars(provider).update({"slow": 0.0, "padding": 0, "down": False} | trouble)
            sign_in.provider._described._failed_at = -10.0
            begun = time.perf_counter()
            reply = await http.get("/login/oidc")
            assert (reply.status_code, time.perf_counter() - begun < 3.0) == (503, True), trouble
            assert "Not signed in" in reply.text
        asked = len(provider.asked)
        assert (await http.get("/login/oidc")).status_code == 503
        assert len(provider.asked) == asked  # it rests
        assert (await http.get("/api/me", headers={"X-API-Key": key})).json()["name"] == "ada"
        provider.down = False
        sign_in.provider._described._failed_at = -10.0
        back = await gone(http)
        provider.slow = 1.0
        assert (await http.get(back)).status_code == 503
        assert (await http.get("/api/me")).status_code == 401


async def test_the_secret_goes_in_the_body_where_the_provider_takes_it_there_alone(
    house: Any, provider: Provider
) -> None:
    provider.secret_in_body = True
    provider.said = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    async with browser(house) as http:
        assert (await signed_in(http)).status_code == 200


async def test_a_wrong_secret_is_the_operators_matter_and_is_not_shown(
    open_base: Open, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    with open_base(**identity.settings(provider, oidc_client_secret="wrong-s3cret")) as base:
        async with browser(base.app) as http:
            reply = await signed_in(http)
    assert (reply.status_code, "HTTP 401, invalid_client" in reply.text) == (503, True)
    assert "wrong-s3cret" not in reply.text + caplog.text


# -- people ------------------------------------------------------------------------------------------------------------


async def test_nobody_takes_anothers_name(house: Any, provider: Provider) -> None:
    house.keyring.make(Key("", "", "ada", Role.ADMIN, "", 0.0), "root")
    async with browser(house) as http:
        for name, shown in (("ada", r"ada~p[0-9a-f]{11}"), ("ada/x", "ada_x"), ("admin-token", "admin-token~")):
            provider.person |= {"sub": f"sub of {name}", "preferred_username": name}
            await signed_in(http)
            assert re.fullmatch(shown, (await http.get("/api/me")).json()["name"]), name
        provider.person |= {"preferred_username": "another-name"}
        await signed_in(http)
        assert (await http.get("/api/me")).json()["name"] == "admin-token~"  # who they are does not change with it


async def test_whoever_was_shut_out_stays_out_until_they_are_let_in_again(house: Any) -> None:
    async with browser(house) as http:
        await signed_in(http)
        (mia,) = house.keyring.all()
        house.keyring.revoke(mia.id, "root", "left")
        await asyncio.sleep(0.6)
        assert (await http.get("/api/me")).status_code == 401
        reply = await signed_in(http)
        assert (reply.status_code, "shut out" in reply.text) == (403, True)
        house.keyring.readmit(mia.id, "root", "came back")
        await asyncio.sleep(0.6)
        assert (await signed_in(http)).status_code == 200
    assert [action for action, _ in done(house)] == [
        "login", "key-revoked", "key-refused", "login-refused", "key-readmitted", "login",
    ]  # fmt: skip


async def test_a_tenant_comes_with_a_claim_and_who_has_none_has_no_place(open_base: Open, provider: Provider) -> None:
    with open_base(**identity.settings(provider, oidc_tenant_claim="org.name")) as base:
        async with browser(base.app) as http:
            for org, status in (
                ({}, 403),
                ({"name": "../x"}, 403),
                ({"name": ["a", "b"]}, 403),
                ({"name": ["lab-two"]}, 200),
            ):
                provider.person["org"] = org
                assert (await signed_in(http)).status_code == status, org
            assert (await http.get("/api/me")).json()["tenant"] == "lab-two"
            await asyncio.sleep(0)


async def test_what_is_kept_of_somebody_is_told_and_taken_away(house: Any) -> None:
    async with browser(house) as http:
        await signed_in(http)
        persons = house.record.persons
        (told,) = persons.spent("mia", None)["people"]
        assert (told["role"], told["tenant"], "digest" in told) == ("reader", "", False)
        assert persons.spent("mia", "lab-two")["people"] == []
        assert persons.erase_spent("mia", None)["people"] == 1
        await asyncio.sleep(0.6)
        assert (await http.get("/api/me")).status_code == 401
        assert persons.spent("mia", None)["people"] == []
        assert (await signed_in(http)).status_code == 200  # whether they may come again is the provider's to say
        assert (await http.get("/api/me")).json()["name"] == "mia"


# -- programs ----------------------------------------------------------------------------------------------------------


async def test_a_program_shows_a_token_that_was_made_for_this_service(open_base: Open, provider: Provider) -> None:
    with open_base(**identity.settings(provider, oidc_audience="https://oracle.example", key_per_day=4)) as base:
        async with browser(base.app) as http:
            for more, status in (
                ({}, 200),
                ({"aud": CLIENT}, 401),  # what says who signed in opens nothing
                ({"aud": ["x", "https://oracle.example"], "pad": "y" * 2_000}, 200),
                ({"exp": 1}, 401),
                ({"iss": "https://evil.example"}, 401),
                ({"groups": []}, 403),
                ({"groups": ["oracle-admins"]}, 200),
            ):
                token = signed(provider.claims(**({"aud": "https://oracle.example"} | more)))
                reply = await http.get("/api/me", headers={"Authorization": f"Bearer {token}"})
                assert reply.status_code == status, (more, reply.text)
            assert reply.json()["role"] == "admin"  # what it may is what the token says
            for bad in (
                signed(provider.claims(aud="https://oracle.example"), "stranger", kid="one"),
                "eyJhbGciOi.eyJh.x",
                "ey" * 9_000,
            ):
                assert (await http.get("/api/me", headers={"Authorization": f"Bearer {bad}"})).status_code == 401
            provider.down = True
            good = {"Authorization": f"Bearer {signed(provider.claims(aud='https://oracle.example'))}"}
            assert (await http.get("/api/me", headers=good)).status_code == 200  # its keys are known
            assert (await http.get("/api/me", headers=good)).status_code == 429  # and counted as of one person
    assert [facts for action, facts in done_after(base) if action == "login"] == [
        {"by": "oidc-token", "role": "reader", "tenant": ""}
    ]


def done_after(base: Any) -> list[tuple[str, dict[str, Any]]]:
    from cmo.app import opened

    with opened(base.app.settings) as house:
        return done(house)


async def test_without_an_audience_no_token_opens(house: Any, provider: Provider) -> None:
    async with browser(house) as http:
        reply = await http.get("/api/me", headers={"Authorization": f"Bearer {signed(provider.claims())}"})
    assert (reply.status_code, "no key" in reply.json()["detail"]) == (401, True)


async def test_where_no_provider_is_named_nobody_is_sent_to_one(base: Any) -> None:
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        for path in ("/login/oidc", "/login/oidc/callback?code=x&state=y", "/login/oidc/leave"):
            assert (await http.get(path)).status_code == 404
        assert "oidc" not in (await http.get("/login")).text


# -- the doctor --------------------------------------------------------------------------------------------------------


def test_the_doctor_asks_the_provider_and_says_what_to_do(provider: Provider, tmp_path: Path) -> None:
    for settings, said, state, words in (
        ({}, {}, State.OK, "keys: 1"),
        ({"oidc_redirect_url": "https://127.0.0.1/login/oidc/callback"}, {}, State.DEGRADED, "come back by https"),
        ({}, {"issuer": "https://other.example"}, State.BROKEN, "calls itself 'https://other.example'"),
        ({"oidc_client_secret": "", "oidc_client_secret_file": tmp_path / "gone"}, {}, State.BROKEN, "cannot be read"),
    ):
        provider.said = said
        house = Holdings(read_settings(working_dir=tmp_path, **identity.settings(provider, **settings)))
        checks = [check for check in Examining(house).checks() if check.name in {"sign-in", "clock", "database"}]
        report = examine(checks, house.clock)
        found = report.of("sign-in")
        assert found is not None
        assert (found.state, words in found.said) == (state, True), found
        assert "within 2 s of 127.0.0.1" in str(report.of("clock"))  # whose clock is heard whatever else it says
    assert found.fix
