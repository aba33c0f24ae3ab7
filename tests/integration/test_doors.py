"""Where a service may listen, and with which certificate."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cmo.errors import AccessRefused, SettingsError
from cmo.settings import read_settings
from cmo.web.doors import by_tls, require_keys, tls


def house(*, needed: bool, **settings: Any) -> Any:
    return SimpleNamespace(settings=read_settings(**settings), warden=SimpleNamespace(needed=lambda: needed))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_alone_needs_no_key(host: str) -> None:
    require_keys(house(needed=False, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "oracle.lan", "localhost.evil.example"])
def test_for_a_network_keys_are_needed_or_somebody_else_who_asks(host: str) -> None:
    with pytest.raises(AccessRefused, match=r"cmo keys create NAME.*CMO_ACCESS=keys.*CMO_ACCESS=open"):
        require_keys(house(needed=False, host=host))
    require_keys(house(needed=True, host=host))
    require_keys(house(needed=False, host=host, access="open"))


def test_a_certificate_needs_its_key_and_both_must_be_readable(tmp_path: Path) -> None:
    assert tls(read_settings()) == (None, None)
    paths = [tmp_path / name for name in ("a.pem", "a.key", "b.key")]
    for certificate, key in ((paths[0], paths[1]), (tmp_path / "b.pem", paths[2])):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    good = read_settings(tls_certificate=paths[0], tls_key=paths[1])
    assert tls(good) == (str(paths[0]), str(paths[1]))
    for wrong, said in (
        ({"tls_certificate": paths[0]}, "needs both"),
        ({"tls_key": paths[1]}, "needs both"),
        ({"tls_certificate": tmp_path / "none", "tls_key": paths[1]}, "No such file"),
        ({"tls_certificate": paths[0], "tls_key": paths[2]}, "cannot be spoken"),
        ({"tls_certificate": paths[1], "tls_key": paths[0]}, "cannot be spoken"),
    ):
        with pytest.raises(SettingsError, match=said):
            tls(read_settings(**wrong))


def test_cookies_are_for_tls_where_it_is_spoken_here_or_before(tmp_path: Path) -> None:
    assert [by_tls(read_settings(**s)) for s in ({}, {"tls_before": True}, {"tls_certificate": tmp_path})] == [
        False, True, True,
    ]  # fmt: skip
