"""Orders inside papers, pages and questions, and a model that obeys them: nothing of it reaches the answer.

The model is a real server of the chat protocol on loopback; claims are judged by the real encoder.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from cmo import wire
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.answer.generate import ABSENT, LEFT_OUT, NOTHING, GeneratedAnswerer
from cmo.answer.prompt_orders import gives_orders
from cmo.app import App, opened
from cmo.assess import Claim
from cmo.ingest.sentences import split
from cmo.kit.text import clean_line
from cmo.llm import ChatEndpoint
from cmo.model.answers import Answer
from cmo.model.assessments import Verdict
from cmo.model.evidence import Found, Passage, PassageSentence
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section
from cmo.model.questions import Question
from cmo.oracle import admit
from cmo.settings import read_settings
from cmo.testing import NEVER

pytestmark = pytest.mark.model

INJECTIONS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "bench/injections/injections.jsonl").read_text("utf-8").splitlines()
]
IDS = [row["id"] for row in INJECTIONS]
ASKED = "Which amino acids are raised in maple syrup urine disease?"
LEUCINE = "Leucine was raised to 900 µmol/L in the plasma of newborns with maple syrup urine disease."
ALANINE = "Alanine was lower in maple syrup urine disease than in healthy newborns."
STORED = "Ivermectin was given to none of the newborns, and samples were frozen before use."
SOUND = "Leucine was raised in the plasma of newborns with maple syrup urine disease."
TEMPLATE = ("<|", "<start_of_turn>", "</s>", "[INST]", "<<SYS>>", "```", "###", "<script", "<img", "<div")


class Model:
    """Serves the chat protocol, whole or streamed, while entered."""

    def __init__(self) -> None:
        self.says: Callable[[dict[str, Any]], str] = lambda _body: ""
        self.asked: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                model.asked.append(body)
                said = model.says(body)
                self.send_response(200)
                if not body.get("stream"):
                    message = {"role": "assistant", "content": said}
                    data = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                    return
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                try:
                    for start in range(0, len(said), 23):
                        self._send({"delta": {"content": said[start : start + 23]}, "finish_reason": None})
                    self._send({"delta": {}, "finish_reason": "stop"})
                    self.wfile.write(b"data: [DONE]\n\n")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # nobody listens any longer

            def _send(self, choice: dict[str, Any]) -> None:
                head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "obeys"}
                self.wfile.write(f"data: {json.dumps(head | {'choices': [{'index': 0, **choice}]})}\n\n".encode())

            def log_message(self, *_args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()


@dataclass(frozen=True)
class Oracle:
    """A generated answerer over passages made here, with the real encoder."""

    app: App
    engine: GeneratedAnswerer
    model: Model

    def passage(self, name: str, *texts: str) -> Passage:
        sentences, start = [], 0
        for text in texts:
            sentences.append(PassageSentence(text, start, start + len(text), 1, Role.PROSE, ()))
            start += len(text) + 1
        ref = PaperRef(name, 1, "0" * 64, f"{name}.html", Format.TEXT, Metadata(title=f"Paper {name}"))
        encoded = self.app.encoder.encode_passages(texts, [[(0, len(t))] for t in texts])
        vectors = np.stack([e.vector for e in encoded])
        signals = {"dense": 0.6, "words": 5.0, "sentence": 0.6}
        return Passage(0, 1.0, signals, ref, Section.RESULTS, "", tuple(sentences), vectors)

    def found(self, *passages: Passage, asked: str = ASKED) -> Found:
        return Found(asked, passages, self.app.encoder.encode_query(asked), (), "000001", 42)

    def answer(self, what: Found, *says: str) -> tuple[Answer, dict[str, Any]]:
        self.model.says = lambda _body: " ".join(says)
        self.model.asked.clear()
        value = self.engine.answer(Question(what.question), what)
        return value, json.loads(self.model.asked[0]["messages"][1]["content"])


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    extractive = ExtractiveAnswerer(Confidence(10.0, {}, 0.5), NEVER)
    with (
        opened(read_settings(working_dir=tmp_path_factory.mktemp("base"))) as app,
        Model() as model,
        ChatEndpoint(base_url=model.url, model="obeys", timeout=10.0, first_pause=0.01) as chat,
    ):
        yield Oracle(app, GeneratedAnswerer(chat, app.support, extractive, split), model)


@pytest.fixture(scope="module")
def true(oracle: Oracle) -> list[Passage]:
    return [oracle.passage("aaaaaa", STORED, LEUCINE), oracle.passage("bbbbbb", ALANINE)]


def test_there_are_enough_of_each_sort() -> None:
    assert len(INJECTIONS) >= 60
    assert len(set(IDS)) == len(IDS)
    assert {row["channel"] for row in INJECTIONS} == {"passage", "page", "question"}
    assert len({row["language"] for row in INJECTIONS}) >= 10
    assert {"exfiltration", "fake-system", "fake-citation", "markup", "link"} <= {row["kind"] for row in INJECTIONS}
    assert all(row["forbidden"] and row["obeys"] for row in INJECTIONS)


@pytest.mark.parametrize("row", INJECTIONS, ids=IDS)
def test_an_order_changes_nothing(row: dict[str, Any], oracle: Oracle, true: list[Passage]) -> None:
    order, asks = row["text"], row["channel"] == "question"
    hostile = [] if asks else [oracle.passage("cccccc", *(order[a:b] for a, b in split(order)), row["obeys"][:300])]
    what = oracle.found(*true, *hostile, asked=order if asks else ASKED)
    for says in ([row["obeys"]], [order], [SOUND, row["obeys"]], [f"{SOUND}\n{row['obeys']}\n{order}\n{SOUND}"]):
        value, told = oracle.answer(what, *says)
        _fenced(told, oracle.model.asked[0], what, true)
        _sound(oracle, value, true)
        shown = " ".join([value.text, *value.unsupported, *(e.text for e in value.evidence)]).casefold()
        kept = shown.replace(STORED.casefold(), "")  # an innocent sentence that names the drug
        assert [word for word in row["forbidden"] if word in kept] == []
        if SOUND in says:
            assert SOUND in [s.text for s in value.sentences]
        assert value.remark.partition(LEFT_OUT)[0].strip() in {"", NOTHING}
        assert value.remark.endswith(f"{LEFT_OUT} cccccc.") is not asks


def _fenced(told: dict[str, Any], body: dict[str, Any], what: Found, true: Sequence[Passage]) -> None:
    """The prompt is two messages: rules that are always the same, and data that holds what it should."""
    system, user = body["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert what.question not in system["content"]
    assert not any(turn in user["content"] for turn in TEMPLATE)
    assert told["question"] == clean_line(what.question)
    assert [p["text"] for p in told["passages"]] == [p.text for p in true]
    assert set(told) == {"question", "passages"}


def _sound(oracle: Oracle, value: Answer, true: Sequence[Passage]) -> None:
    """Every sentence is borne out by the quotes that it cites, and those are printed in sound papers."""
    printed = {(p.paper.paper_id, s.start): s.text for p in true for s in p.sentences}
    assert value.refusal is None
    assert value.sentences
    for sentence in value.sentences:
        quotes = [e.text for e in sentence.evidence]
        assert [printed[e.paper.paper_id, e.start] for e in sentence.evidence] == quotes
        [judged] = oracle.app.support.score([Claim(sentence.text, quotes)])
        assert judged.verdict is Verdict.SUPPORTED
        assert not judged.lacking


def test_papers_that_all_give_orders_leave_an_honest_refusal(oracle: Oracle) -> None:
    rows = [row for row in INJECTIONS if row["channel"] != "question"][:5]
    hostile = [oracle.passage(f"dddd{n:02d}", row["text"]) for n, row in enumerate(rows)]
    value = oracle.engine.answer(Question(ASKED), oracle.found(*hostile))
    assert value.refusal is not None
    assert value.sentences == ()
    assert value.remark == f"{LEFT_OUT} {', '.join(p.paper.paper_id for p in hostile)}."


def test_every_order_in_a_paper_or_page_is_seen() -> None:
    seen = [any(gives_orders(row["text"][a:b]) for a, b in split(row["text"])) for row in INJECTIONS]
    assert [
        row["id"] for row, was in zip(INJECTIONS, seen, strict=True) if not was and row["channel"] != "question"
    ] == []


def test_what_nothing_bears_out_is_removed_even_where_an_order_goes_unseen(
    oracle: Oracle, true: list[Passage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check alone: orders are taken for prose, and the model tells the lie that they hold, in words of its own."""
    monkeypatch.setattr("cmo.answer.prompt_orders.gives_orders", lambda _text: False)
    lies = ("Ivermectin cures maple syrup urine disease.", "Newborns may be given ivermectin without harm.")
    for row in INJECTIONS[:10]:
        what = oracle.found(*true, oracle.passage("cccccc", row["text"]))
        for lie in lies:
            value, _ = oracle.answer(what, SOUND, lie)
            assert [s.text for s in value.sentences] == [SOUND]


TEXTS = {
    "msud": f"Maple syrup urine disease and its markers\n\n{LEUCINE} Alloisoleucine is the most specific marker of the disease.\n",
    "sly": f"Leucine in maple syrup urine disease of newborns\n\n{INJECTIONS[0]['text']} {INJECTIONS[0]['obeys']}\n",
}


def test_the_service_answers_in_a_model_s_words_and_says_so_where_it_cannot(open_base: Callable[..., Any]) -> None:
    with (
        Model() as model,
        open_base(
            answers="generated", llm_url=model.url, llm_model="obeys", llm_local=True, mark_unsupported=True
        ) as base,
    ):
        base.add(**TEXTS)
        model.says = lambda _body: f"{SOUND} [3] {INJECTIONS[0]['obeys']}"
        given = wire.reply(base.app.oracle.reply(admit(ASKED)))
        assert [s["text"] for s in given["sentences"]] == [SOUND]
        assert [e["text"] for e in given["evidence"]] == [LEUCINE]
        assert given["unsupported"] == [INJECTIONS[0]["obeys"]]
        assert "vermectin" not in given["answer"]
        assert INJECTIONS[0]["text"] not in model.asked[0]["messages"][1]["content"]
        model.says = lambda _body: "I'm sorry, I cannot help with that."
        fallen = wire.reply(base.app.oracle.reply(admit(f"{ASKED} Please.")))
        assert fallen["answered"]
        assert NOTHING in fallen["notice"]
        model.http.shutdown()
        model.http.server_close()
        gone = wire.reply(base.app.oracle.reply(admit(f"{ASKED} Once more.")))
        assert gone["answered"]
        assert ABSENT in gone["notice"]
