"""Names of uploaded files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.web.upload import safe_name, unused


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("paper.pdf", "paper.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\paper.pdf", "paper.pdf"),
        ("/absolute/paper.pdf", "paper.pdf"),
        ("..", "file"),
        ("", "file"),
        (".env", "env"),
        ("a\x00b\r\nc.pdf", "a b c.pdf"),
        ("<img src=x onerror=alert(1)>.pdf", "_img src_x onerror_alert(1)_.pdf"),
        ("Übersicht β-Alanin.pdf", "Übersicht β-Alanin.pdf"),
        ("evil\u202efdp.exe", "evil fdp.exe"),
        ("x" * 300 + ".pdf", "x" * 97 + ".pdf"),
    ],
)
def test_a_name_keeps_what_is_harmless(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


@given(st.text(max_size=400))
def test_no_name_can_leave_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert "/" not in safe
    assert "\\" not in safe
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert len(safe) <= 101


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken = {"a.pdf", "a (2).pdf", "b"}
    assert unused("a.pdf", taken.__contains__) == "a (3).pdf"
    assert unused("b", taken.__contains__) == "b (2)"
    assert unused("c", taken.__contains__) == "c"
