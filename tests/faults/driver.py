"""Changes a base in a process that may be killed. Not a test: `test_kill` and others start it.

It imports everything once and then forks a child for each line that it reads, ``COMMAND<tab>FOLDER<tab>PAPERS``; the
child says what it has done, a line each, before it goes on.
"""

import os
import sys
from pathlib import Path

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.app import App, opened
from cmo.ingest.pipeline import Chunking, Pipeline
from cmo.model.concepts import Concept, Kind
from cmo.oracle import admit
from cmo.settings import read_settings
from cmo.testing import NEVER, FakeLinker, FakeReader, HashingEmbedder, ParsersHere

CONCEPTS = (
    Concept("UBERON:0001969", "plasma", Kind.SPECIMEN),
    Concept("CMO:patients", "patients", Kind.OTHER),
    Concept("CMO:visit", "visit", Kind.OTHER),
)
"""What the papers of `test_kill` speak of."""


def say(*words: object) -> None:
    os.write(1, ("\t".join(map(str, words)) + "\n").encode())


def ingest(app: App, papers: Path) -> None:
    """Ingest a folder; say the name of each paper that is acknowledged."""
    pipeline = Pipeline(
        ParsersHere(),
        app.encoder,
        app.record,
        app.originals,
        chunking=Chunking(64, 0),
        clock=app.clock,
        max_bytes=10_000_000,
        reader=app.reader,
    )
    for outcome in app.curator.ingest(pipeline, sorted(papers.iterdir()), wait=True):
        say("acknowledged", outcome.status, outcome.title)


def curate(app: App, _: Path) -> None:
    """Retract, roll back and rebuild, over and over."""
    for n, summary in enumerate(app.record.papers()):
        app.curator.retract(summary.ref.paper_id, "a reason")
        say("retracted", summary.ref.paper_id)
        if n % 3 == 1:
            app.curator.rebuild()
        else:
            app.curator.rollback(app.shelf.history()[-1].id)


def hold(app: App, _: Path) -> None:
    """Hold the writer's lock until killed."""
    with app.curator._changing("long work", wait=False):
        say("holding")
        sys.stdin.read()


def ask(app: App, _: Path) -> None:
    """Ask until the folder has a file STOP; say each new snapshot with the least evidence that an answer had."""
    seen = ""
    stop = False
    while not stop:
        stop = (app.folder / "STOP").exists()
        answer = app.oracle.reply(admit("Which marker was measured in the plasma of patients?")).answer
        if answer.snapshot != seen or not answer.evidence:
            say("answered", answer.snapshot, len(answer.evidence))
            seen = answer.snapshot


COMMANDS = {"ingest": ingest, "curate": curate, "hold": hold, "ask": ask}


def obey(command: str, folder: str, papers: str) -> None:
    """Do one command on a base."""
    with opened(read_settings(working_dir=Path(folder))) as app:
        app.__dict__["encoder"] = HashingEmbedder()
        app.__dict__["linker"] = linker = FakeLinker(CONCEPTS)
        app.__dict__["reader"] = FakeReader(linker)
        app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(10.0, {}, 0.5), NEVER)  # not fitted to a fake model
        COMMANDS[command](app, Path(papers))


def main() -> None:
    """Fork a child for each line."""
    __import__("cmo.stories.curator"), __import__("cmo.store.record"), __import__("alembic.command")
    say("ready")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                obey(*line.rstrip("\n").split("\t"))
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - the test shows it
                say("failed", repr(error))
                os._exit(1)
        say("started", pid)
        say("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
