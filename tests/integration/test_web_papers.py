"""Papers over HTTP: upload, list, show, retract."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.testing import NEVER
from cmo.web import create_api

BAD = Path(__file__).parents[3] / "shared" / "data" / "papers" / "pdf_bad"
PAPER = (
    "Propionic acidaemia and its markers\n\nPropionylcarnitine is raised in propionic acidaemia. "
    "Methylcitrate is found in the urine of the same patients.\n"
)


@pytest.fixture(autouse=True)
def _confidence_for_the_fake_model(base: Any) -> None:
    """The shipped confidence is fitted on a real model's cosines; here shared words decide."""
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=120) as client:
        yield client


def form(*files: tuple[str, bytes | str]) -> list[Any]:
    return [("files", (name, content)) for name, content in files]


async def test_uploaded_papers_are_told_one_by_one_and_can_be_asked(http: httpx.AsyncClient) -> None:
    reply = await http.post(
        "/papers", files=form(("pa.txt", PAPER), ("empty.pdf", b""), ("noise.pdf", b"\x00\x01" * 99))
    )
    assert reply.status_code == 200
    told = reply.json()["outcomes"]
    assert [(o["source"], o["status"]) for o in told] == [
        ("pa.txt", "added"), ("empty.pdf", "refused"), ("noise.pdf", "refused"),
    ]  # fmt: skip
    assert all(o["reason"] and o["remedy"] for o in told[1:])
    asked = await http.post("/query", json={"query": "Which carnitine is raised in propionic acidaemia?"})
    assert "Propionylcarnitine" in asked.json()["answer"]


async def test_the_same_file_again_is_unchanged(http: httpx.AsyncClient) -> None:
    await http.post("/papers", files=form(("pa.txt", PAPER)))
    again = await http.post("/papers", files=form(("other.txt", PAPER)))
    assert again.json()["outcomes"][0]["status"] == "unchanged"
    assert (await http.get("/papers")).json()["total"] == 1


async def test_names_that_reach_for_other_folders_stay_in_theirs(http: httpx.AsyncClient, base: Any) -> None:
    names = ["../../../../escape.txt", "/etc/escape.txt", "..\\..\\escape.txt", "<b>x</b>.txt", "escape.txt"]
    reply = await http.post("/papers", files=form(*((name, PAPER + name) for name in names)))
    sources = [o["source"] for o in reply.json()["outcomes"]]
    assert sources == ["escape.txt", "escape (2).txt", "escape (3).txt", "b_.txt", "escape (4).txt"]
    assert not list(base.folder.parent.parent.glob("escape*"))
    assert not list(base.folder.glob(".incoming-*"))
    assert str(base.folder) not in reply.text


async def test_a_file_that_is_too_long_is_refused_and_the_others_are_not(open_base: Any) -> None:
    with open_base(max_file_megabytes=1) as small:
        transport = httpx.ASGITransport(create_api(small.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            reply = await http.post("/papers", files=form(("long.txt", b"x" * 1_000_001), ("pa.txt", PAPER)))
    long, short = reply.json()["outcomes"]
    assert (long["status"], long["reason"], short["status"]) == ("refused", "too-large", "added")


async def test_more_files_than_may_be_sent_are_a_problem(http: httpx.AsyncClient, base: Any) -> None:
    reply = await http.post("/papers", files=form(*((f"{n}.txt", "x") for n in range(51))))
    assert (reply.status_code, reply.json()["code"]) == (413, "too-large")
    assert not list(base.folder.glob(".incoming-*"))


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"no boundary here", 400),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\nx",
            400,
        ),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 422),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nplain\r\n--b--\r\n',
            422,
        ),
        ("application/json", b"{}", 415),
        ("", b"", 415),
    ],
)
async def test_a_form_that_is_none_is_a_problem(http: httpx.AsyncClient, kind: str, body: bytes, status: int) -> None:
    reply = await http.post("/papers", content=body, headers={"Content-Type": kind})
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
@pytest.mark.skipif(not BAD.exists() and "CI" not in os.environ, reason="the shared papers are absent")  # noqa: TID251 - CI is no setting of ours
async def test_no_bad_pdf_breaks_the_service(http: httpx.AsyncClient) -> None:
    files = sorted(BAD.glob("*.pdf"))
    reply = await http.post("/papers", files=form(*((file.name, file.read_bytes()) for file in files)))
    assert reply.status_code == 200
    told = reply.json()["outcomes"]
    assert [o["source"] for o in told] == [file.name for file in files]
    assert all(o["reason"] and o["detail"] for o in told if o["status"] == "refused")
    assert (await http.get("/health")).json()["status"] in {"healthy", "degraded"}


async def test_papers_are_listed_in_parts_and_found_by_words(http: httpx.AsyncClient) -> None:
    await http.post(
        "/papers",
        files=form(
            *(
                (f"{n}.txt", f"Paper {word} of the series\n\n{word} is one.\n")
                for n, word in enumerate(("Alpha", "Beta", "Gamma"))
            )
        ),
    )
    whole = (await http.get("/papers")).json()
    assert whole["total"] == 3
    part = (await http.get("/papers", params={"limit": 1, "offset": 1})).json()
    assert part["papers"] == whole["papers"][1:2]
    found = (await http.get("/papers", params={"match": "SERIES beta"})).json()
    assert [p["source"] for p in found["papers"]] == ["1.txt"]
    assert (await http.get("/papers", params={"limit": 0})).status_code == 422
    assert (await http.get("/papers", params={"surprise": 1})).status_code == 422


async def test_a_paper_is_shown_with_its_pages_until_it_is_retracted(http: httpx.AsyncClient) -> None:
    (told,) = (await http.post("/papers", files=form(("pa.txt", PAPER)))).json()["outcomes"]
    paper = f"/papers/{told['paper_id']}"
    shown = (await http.get(paper)).json()
    assert shown["pages"][0]["number"] == 1
    asked = (await http.post("/query", json={"query": "What is raised in propionic acidaemia?"})).json()
    evidence = asked["evidence"][0]
    assert (await http.delete(paper)).status_code == 422
    assert (await http.delete(paper, params={"reason": " \u200b "})).status_code == 422
    gone = await http.delete(paper, params={"reason": "a test"})
    assert gone.json()["paper_id"] == told["paper_id"]
    for path in (paper, f"/evidence/{evidence['id']}", evidence["image"]):
        assert (await http.get(path)).status_code == 404
    assert (await http.delete(paper, params={"reason": "again"})).status_code == 404
    assert (await http.get("/papers")).json()["retracted"] == {told["paper_id"]: "a test"}
    assert not (await http.post("/query", json={"query": "What is raised in propionic acidaemia?"})).json()["answered"]
    (back,) = (await http.post("/papers", files=form(("pa.txt", PAPER)))).json()["outcomes"]
    assert (back["status"], back["reason"]) == ("refused", "retracted")


async def test_a_page_shows_its_evidence_and_is_tagged(http: httpx.AsyncClient) -> None:
    await http.post("/papers", files=form(("pa.txt", PAPER)))
    evidence = (await http.post("/query", json={"query": "What is raised in propionic acidaemia?"})).json()["evidence"][
        0
    ]
    place = (await http.get(f"/evidence/{evidence['id']}")).json()
    assert (place["text"], place["page"], place["boxes"]) == (evidence["text"], evidence["page"], evidence["boxes"])
    marked = await http.get(evidence["image"])
    assert marked.headers["content-type"] == "image/png"
    assert marked.content.startswith(b"\x89PNG")
    again = await http.get(evidence["image"], headers={"If-None-Match": marked.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    bare = f"/papers/{evidence['paper_id']}/pages/1.png"
    plain = await http.get(bare)
    assert plain.headers["etag"] != marked.headers["etag"]
    assert plain.content != marked.content
    both = await http.get(bare, params={"evidence": [evidence["id"], evidence["id"]], "scale": 1})
    assert both.status_code == 200
    assert len(both.content) < len(marked.content)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/papers/unknown", 404),
        ("/papers/unknown/pages/1.png", 404),
        ("/papers/{id}/pages/2.png", 404),
        ("/papers/{id}/pages/0.png", 422),
        ("/papers/{id}/pages/x.png", 422),
        ("/papers/{id}/pages/1.png?scale=99", 422),
        ("/papers/{id}/pages/1.png?scale=nan", 422),
        ("/papers/{id}/pages/1.png?evidence=nonsense", 404),
        ("/papers/other/pages/1.png?evidence={id}.1.0-10", 404),
        ("/papers/{id}/pages/1.png?evidence={id}.1.99999-999999", 404),
        ("/papers/..%2f..%2fetc", 404),
        ("/papers/%2e%2e/pages/1.png", 404),
        ("/evidence/nonsense", 404),
        ("/evidence/%00", 404),
        ("/evidence/{id}.9.0-10", 404),
    ],
)
async def test_what_is_not_there_is_a_problem(http: httpx.AsyncClient, path: str, status: int) -> None:
    (told,) = (await http.post("/papers", files=form(("pa.txt", PAPER)))).json()["outcomes"]
    reply = await http.get(path.format(id=told["paper_id"]))
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"


@contextmanager
def another_writer(lock: Path) -> Iterator[None]:
    program = "import sys, time; from pathlib import Path; from cmo.kit.files import exclusive\nwith exclusive(Path(sys.argv[1]), 'test', wait=True): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.kill()


async def test_while_another_process_writes_changes_are_put_off_and_questions_are_not(
    http: httpx.AsyncClient, base: Any
) -> None:
    (told,) = (await http.post("/papers", files=form(("pa.txt", PAPER)))).json()["outcomes"]
    with another_writer(base.folder / "writer.lock"):
        for reply in (
            await http.post("/papers", files=form(("b.txt", PAPER + "More is said here."))),
            await http.delete(f"/papers/{told['paper_id']}", params={"reason": "x"}),
        ):
            assert (reply.status_code, reply.json()["code"]) == (409, "store-locked")
            assert reply.headers["retry-after"] == "5"
        asked = await http.post("/query", json={"query": "What is raised in propionic acidaemia?"})
        assert asked.json()["answered"]


async def test_an_upload_that_breaks_off_tells_what_is_kept(
    http: httpx.AsyncClient, base: Any, monkeypatch: Any
) -> None:
    from cmo.errors import StoreFull
    from cmo.model.outcomes import Outcome, Status

    def ingest(*_: object, **__: object) -> Iterator[Outcome]:
        yield Outcome("/somewhere/a.txt", Status.ADDED, "0123456789ab", 1)
        raise StoreFull("The disk is full.")

    monkeypatch.setattr(base.app.curator, "ingest", ingest)
    reply = await http.post("/papers", files=form(("a.txt", PAPER), ("b.txt", PAPER)))
    assert (reply.status_code, reply.json()["code"]) == (507, "store-full")
    assert [(o["source"], o["status"]) for o in reply.json()["outcomes"]] == [("a.txt", "added")]


async def test_uploads_wait_in_line_for_one_another(http: httpx.AsyncClient) -> None:
    import asyncio

    began = time.monotonic()
    replies = await asyncio.gather(
        *(
            http.post("/papers", files=form((f"{n}.txt", f"Paper number {n} of four\n\nIt says {n}.\n")))
            for n in range(4)
        )
    )
    assert [reply.status_code for reply in replies] == [200] * 4, time.monotonic() - began
    assert (await http.get("/papers")).json()["total"] == 4
