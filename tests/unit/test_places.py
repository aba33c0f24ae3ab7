"""What a reader is told of a file: its name, and never where it lies."""

from pathlib import Path

import pytest

from cmo.kit.places import without_places

BASE = Path("/srv/my lab/kb")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("The disk that holds /var/lib/cmo/record.sqlite3 is full.", "The disk that holds record.sqlite3 is full."),
        ("12.0 GB free at /srv/my lab/kb", "12.0 GB free at base"),
        ("The database /srv/my lab/kb/record.sqlite3 cannot be read.", "The database record.sqlite3 cannot be read."),
        ("[Errno 13] Permission denied: '/root/.cache/m/model.onnx'", "[Errno 13] Permission denied: 'model.onnx'"),
        ("~/models/nli.onnx is not there.", "nli.onnx is not there."),
        ("/srv/my lab/kb/index/current names no snapshot. Run `cmo kb rebuild`.", "current names no snapshot. Run `cmo kb rebuild`."),
        ("(/etc/cmo/tls/key.pem, /etc/cmo/tls/cert.pem)", "(key.pem, cert.pem)"),
        ("The database postgresql+psycopg://cmo:***@10.1.2.3:5432/cmo cannot be used.", "The database postgresql cannot be used."),
        ("redis://10.1.2.3/0", "redis"),
    ],
)  # fmt: skip
def test_of_a_place_its_last_name_is_left(said: str, told: str) -> None:
    assert without_places(said, (BASE,)) == told


@pytest.mark.parametrize(
    "said",
    [
        "The interface is described at /docs.", "See /api/releases and /query/stream.", "https://example.org/a/b is no https.",
        "PC 18:0/18:1 at m/z 760.5851, read and/or written", "at change 3 of 5; run `cmo kb rebuild`", "Make one at /login.",
        "Mean 1/2/3 of them", "",
    ],
)  # fmt: skip
def test_what_is_no_place_stays(said: str) -> None:
    assert without_places(said, (BASE, Path("/data"))) == said


def test_a_base_right_below_the_root_is_found_too() -> None:
    assert (
        without_places("/data/record.sqlite3 at /data, /database", (Path("/data"),))
        == "record.sqlite3 at base, /database"
    )
