"""How soon something is seen in the chat: after Enter, in Chromium, through `cmo chat` and `cmo serve`.

::

    Enter --> "Processing …" --> the first step --> the first sentence --> where the answer comes from
      '------- heard -------'                                     each noted when the next picture is drawn

Each question is asked in a conversation of its own and answered anew, from the papers' own words; nothing is kept. The
browser, the chat and the service share the machine.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from cmo.bench.browsing import base, chromium
from cmo.bench.figures import Row
from cmo.bench.running import answers, free_port
from cmo.bench.served import service
from cmo.errors import NotFound
from cmo.kit.begun import begun

_STEP_MS, _SENTENCE_MS = 300.0, 1_000.0
_STARTS_WITHIN: Final = 60.0
_ANSWER_MS: Final = 60_000
_WARM: Final = 3
_WATCH: Final = """() => {
  const seen = window.seen = {};
  const signs = {
    heard: t => t.includes('Processing your query'),
    step: t => /(Using|Used) \\S/.test(t),
    sentence: t => /‹\\d+ · (p\\. \\d+|web)›/i.test(t),
    end: t => /🧠|🌐|🚫/u.test(t),
    sorry: t => t.includes('I apologize'),
  };
  const look = () => {
    const text = document.body.textContent;
    for (const [name, there] of Object.entries(signs))
      if (!(name in seen) && there(text)) {
        seen[name] = null;
        requestAnimationFrame(() => { seen[name] = performance.now(); });
      }
  };
  document.addEventListener('keydown', e => {
    if (e.key === 'Enter') {
      seen.enter = performance.now();
      new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
    }
  }, true);
}"""
_ENDED: Final = "() => window.seen.sorry || window.seen.end"


def measure(papers: Path, asked: int, program: str, said: Callable[[str], None]) -> Iterator[Row]:
    """All figures.

    Args:
        papers: a folder with some.
        asked: how many questions.
        program: `cmo` where Chainlit is; found where it is empty.
        said: hears what is being done.

    Raises:
        NotFound: there are no papers, no browser, no Chainlit, or an answer fails.
    """
    command = _program(program)
    said(f"a base of the papers in {papers}")
    with (
        base(papers) as (home, questions),
        service(home, 1, CMO_CACHE="false") as served,
        chat(command, served) as place,
        chromium() as browser,
    ):
        said(f"{asked} questions in the chat, each in a conversation of its own")
        wanted = [questions[n % len(questions)] for n in range(asked + _WARM)]
        seen = list(_asked(browser, place, wanted))[_WARM:]
    yield from figures(seen)


def figures(seen: Sequence[dict[str, float]]) -> Iterator[Row]:
    """What was seen, in ms after Enter, as rows. What was answered without a sentence is counted, not left out."""
    for name, what, most in (
        ("heard", "heard", _STEP_MS),
        ("step", "first step visible", _STEP_MS),
        ("sentence", "first sentence", _SENTENCE_MS),
        ("end", "whole answer", None),
    ):
        spent = [one[name] - one["enter"] for one in seen if name in one]
        if not spent:
            raise NotFound(f"No answer showed {what}. Ask papers that have answers: name others by --papers.")
        for label, share in (("p50", 0.5), ("p95", 0.95)):
            value = round(float(np.quantile(spent, share)), 1)
            told = f"{what}, {label}"
            yield Row(told, value, "ms") if most is None else Row.at_most(told, value, "ms", most)
    yield Row("questions", len(seen), "")
    yield Row("answered without a sentence", sum("sentence" not in one for one in seen), "")


def _asked(browser: Any, chat: str, questions: Sequence[str]) -> Iterator[dict[str, float]]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    tab = context.new_page()
    for question in questions:
        tab.goto(chat)
        tab.get_by_text("is ready!").wait_for(timeout=_ANSWER_MS)
        tab.evaluate(_WATCH)
        tab.locator("#chat-input").click()
        tab.keyboard.type(question)
        tab.keyboard.press("Enter")
        tab.wait_for_function(_ENDED, timeout=_ANSWER_MS)
        seen = tab.evaluate("window.seen")
        if "sorry" in seen:
            raise NotFound(f"The chat had no answer to {question!r}: {tab.locator('body').inner_text()[-300:]}")
        yield {name: at for name, at in seen.items() if at is not None}
    context.close()


def _program(named: str) -> str:
    beside = str(Path(sys.executable).with_name("cmo"))
    found = named or (beside if find_spec("chainlit") else str(Path(".venv-chat/bin/cmo").absolute()))
    if shutil.which(found) is None:
        raise NotFound(f"There is no {found}. `make chat` installs the chat; or name its `cmo` by --chat.")
    return found


@contextmanager
def chat(command: str, served: str) -> Iterator[str]:
    """Address of a chat over a service."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    failure = NotFound("The chat did not begin; try `cmo chat` to see why.")
    with TemporaryDirectory(prefix="cmo-bench-") as home:
        given = [command, "chat", "--url", served, "--port", str(port), "--home", home]
        with begun(given, lambda: answers(address), _STARTS_WITHIN, failure, quiet=True):
            yield address
