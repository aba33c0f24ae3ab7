"""A server of OpenAI's chat protocol whose model is a few rules: what it says follows from the prompt alone.

It reads LightRAG's prompts and ours, and answers in the formats that they ask for. Run as a script it serves until it
is ended, and prints its address.
"""

import itertools
import json
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

NAMES = {
    "phenylalanine": "Metabolite", "tyrosine": "Metabolite", "acetylcarnitine": "Metabolite", "TMAO": "Metabolite",
    "trimethylamine": "Metabolite", "FMO3": "Gene", "phenylalanine hydroxylase": "Gene", "phenylketonuria": "Disease",
    "atherosclerosis": "Disease", "plasma": "Specimen", "sapropterin": "Drug", "mass spectrometry": "Method",
}  # fmt: skip
CUES = {
    "raised": "increase", "rose": "increase", "higher": "increase", "falls": "decrease", "lower": "decrease",
    "turns": "conversion", "converts": "conversion", "treated": "treatment", "marker": "biomarker",
    "measured": "measurement", "associated": "association",
}  # fmt: skip
INVENTED = "Napoleon ate 4711 apples in Moscow."
_NAME = re.compile("|".join(sorted((re.escape(n) for n in NAMES), key=len, reverse=True)), re.IGNORECASE)
_KNOWN = {name.casefold(): name for name in NAMES}
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class ChatServer:
    """Serves while entered."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    faults: list[Callable[[], Reply | None]] = field(default_factory=list)
    """Each is called instead of one answer; None cuts the connection."""
    says: Callable[[dict[str, Any]], str] | None = None
    """What the model says instead of what its rules say."""

    def __enter__(self) -> Self:
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()

    def reply(self, body: dict[str, Any]) -> Reply | None:
        self.requests.append(body)
        if self.faults:
            return self.faults.pop(0)()
        said = (self.says or model)(body)
        usage = {"prompt_tokens": len(prompt(body).split()), "completion_tokens": len(said.split())}
        message = {"role": "assistant", "content": said}
        data = {"object": "chat.completion", "choices": [{"index": 0, "message": message}], "usage": usage}
        return 200, {}, json.dumps(data).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.keys.append(self.headers["authorization"])
                reply = server.reply(body) if self.path == "/v1/chat/completions" else (404, {}, b"{}")
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                status, headers, data = reply
                self.send_response(status)
                for name, value in (headers | {"content-length": str(len(data))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


def prompt(body: dict[str, Any]) -> str:
    return "\n".join(message["content"] for message in body["messages"])


def model(body: dict[str, Any]) -> str:
    """Which prompt it is, and the reply that it asks for."""
    text = prompt(body)
    if "response_format" in body:
        return _as_json(text)
    if "expert keyword extractor" in text:
        found = _names(text.rpartition("User Query:")[2])
        return json.dumps({"high_level_keywords": ["increase", *found], "low_level_keywords": found})
    if "extracting entities and relationships" in text:
        return _as_tuples(_fenced(body["messages"][-1]["content"]))
    if "synthesize a list of descriptions" in text:
        return " ".join(re.findall(r'"description": "([^"]*)"', text, re.IGNORECASE)) or "A summary."
    return _answer(body["messages"][-1]["content"], text)


def _fenced(text: str) -> str:
    return text.partition("---Input Text---")[2].partition("```")[2].partition("```")[0].strip()


def _sentences(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\s+|\n+", text) if s.strip()]


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(_KNOWN[m.group().casefold()] for m in _NAME.finditer(text)))


def _stated(sentence: str) -> str:
    return next((word for cue, word in CUES.items() if cue in sentence), "association")


def _pairs(text: str) -> list[tuple[str, str, str]]:
    """Names that a sentence holds together, with the sentence."""
    return [(a, b, s) for s in _sentences(text) for names in [_names(s)] for a, b in itertools.pairwise(names)]


def _as_tuples(text: str) -> str:
    rows = [f"entity<|#|>{n.title() if n.islower() else n}<|#|>{NAMES[n]}<|#|>{n} is named." for n in _names(text)]
    rows += [
        f"relation<|#|>{a.title() if a.islower() else a}<|#|>{b.title() if b.islower() else b}<|#|>{_stated(s)}<|#|>{s}"
        for a, b, s in _pairs(text)
    ]
    return "\n".join([*rows, "<|COMPLETE|>"])


def _as_json(text: str) -> str:
    passage = json.loads(text.rpartition("PASSAGE:")[2].strip())
    names = _names(" ".join(passage))
    kinds = {"Metabolite": "metabolite", "Gene": "gene", "Disease": "disease", "Specimen": "specimen", "Drug": "drug"}
    types = {"increase": "increased in", "conversion": "converted to", "treatment": "treats"}
    return json.dumps({
        "entities": [{"name": n, "kind": kinds.get(NAMES[n], "other")} for n in names],
        "relations": [
            {"subject": a, "object": b, "type": types.get(_stated(s), "associated with"), "negated": False,
             "hedged": False, "evidence": s}
            for a, b, s in _pairs("\n".join(passage))
        ],
    })  # fmt: skip


def _answer(question: str, text: str) -> str:
    """The sentences of the context that share names with the question, in its own layout, and one that it made up."""
    wanted = set(_names(question))
    context = " ".join(re.findall(r'"content":\s*"((?:[^"\\]|\\.)*)"', text))
    told = [s for s in _sentences(context.replace("\\n", "\n")) if wanted & set(_names(s))][:3]
    if not told:
        return "I do not have enough information to answer."
    lines = "\n".join(f"- **{s.rstrip('.')}**. [1]" for s in told)
    return f"## Answer\n\n{lines}\n\n{INVENTED}\n\n### References\n\n- [1] A paper"


if __name__ == "__main__":
    with ChatServer() as running:
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
