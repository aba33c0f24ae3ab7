"""Personal data and secrets do not stand in logs; what only looks like them does."""

import logging
from io import StringIO

import pytest

from cmo.access import mint
from cmo.kit.masking import masked
from cmo.ops import logs


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("ask mia.o'hara+x@lab.example.org now", "ask mia.o'<e-mail> now"),
        ("call +49 30 123456-78 or (030) 555-1234", "call <phone> or <phone>"),
        ("call 555-123-4567, 0171 2345678.", "call <phone>, <phone>."),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer <secret>"),
        ("with sk-proj-abcdefghijklmnop", "with <secret>"),
        ("postgresql+psycopg://ada:hunter2@db/cmo", "postgresql+psycopg://<secret>@db/cmo"),
    ],
)
def test_what_is_personal_or_secret_is_masked(said: str, written: str) -> None:
    assert masked(said) == written


def test_a_key_is_named_by_its_id_alone() -> None:
    minted = mint()
    assert masked(f"shown: {minted.text}!") == f"shown: <key {minted.id}>!"


@pytest.mark.parametrize(
    "said",
    [
        "2026-01-02 10:11:12.345 took 1234567 ms at 0.123456789",
        "CAS 50-99-7, HMDB0000159, CHEBI:17295, PMID 12345678, 10.1093/nar/gkaa1031",
        "snapshot 20260102-101112-ab12 of 123 456 papers, port 127.0.0.1:8000, 3fa2b1c0d9e1.1.10234-10377",
        "request 6e1f8ee184bc4bf4993a2b686eae9313 http://127.0.0.1:8000/papers/000000000000?x=1",
        "PC(34:1) at 760.585 m/z, 0.5-1.5 mmol/l, p < 0.001, n = 120-240",
    ],
)
def test_what_only_looks_like_it_stays(said: str) -> None:
    assert masked(said) == said


def test_no_line_of_the_log_holds_it() -> None:
    stream, log = StringIO(), logging.getLogger("cmo.masking")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    log.addHandler(handler)
    log.setLevel("INFO")
    try:
        log.info("mail to %s failed", "mia@example.org", extra={"question": "of +49 30 12345678"})
    finally:
        log.removeHandler(handler)
    assert "mia@" not in stream.getvalue()
    assert "12345678" not in stream.getvalue()
    assert "<e-mail>" in stream.getvalue()
