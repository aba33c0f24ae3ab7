"""The doctor looks at certificates, made for the occasion."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cmo.cast.examining import Examining
from cmo.cast.holdings import Holdings
from cmo.kit.clock import SystemClock
from cmo.ops.certificate import certificate
from cmo.ops.doctor import State
from cmo.settings import read_settings

NOW = SystemClock().now()  # OpenSSL goes by the machine's clock


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates by name, each with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, begin, end in (("long", -1, 90), ("short", -1, 12), ("over", -90, -1), ("early", 5, 90)):
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        wish = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        wish = wish.not_valid_before(NOW + timedelta(days=begin)).not_valid_after(NOW + timedelta(days=end))
        wish = wish.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        pem = wish.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(pem)
        kept = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *kept))
    (folder / "words.pem").write_text("no certificate")
    return folder


@pytest.mark.parametrize(
    ("name", "key", "state", "words"),
    [
        ("long.pem", "long.key", State.OK, "is good until"),
        ("short.pem", "short.key", State.DEGRADED, "11 days"),
        ("over.pem", "over.key", State.BROKEN, "has expired"),
        ("early.pem", "early.key", State.BROKEN, "not good yet"),
        ("long.pem", "short.key", State.BROKEN, "of another certificate"),
        ("words.pem", "long.key", State.BROKEN, "cannot be spoken"),
        ("long.pem", "gone.key", State.BROKEN, "cannot be spoken"),
        ("long.pem", None, State.BROKEN, "one is set"),
    ],
)
def test_a_certificate_is_looked_at(made: Path, name: str, key: str | None, state: State, words: str) -> None:
    told = certificate("tls", (made / name, made / key if key else None), NOW)
    assert (told.state, words in told.said) == (state, True), told
    assert bool(told.fix) is (state is not State.OK)


def test_the_doctor_looks_where_tls_is_spoken(made: Path, tmp_path: Path) -> None:
    for settings, there in (({}, False), ({"tls_certificate": made / "over.pem", "tls_key": made / "over.key"}, True)):
        checks = Examining(Holdings(read_settings(working_dir=tmp_path, **settings))).checks()
        looked = [check.look() for check in checks if check.name == "certificate"]
        assert [finding.state for finding in looked] == [State.BROKEN] * there
