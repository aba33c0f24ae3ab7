"""Conversations as they are kept: run where Chainlit is, by its own interpreter."""

import subprocess
from pathlib import Path

STORY = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from chainlit.types import Feedback, Pagination, ThreadFilter
from chainlit.user import User
from cmo.chat.history import History
from cmo.chat.threads import Threads
from cmo.kit.seal import PLAIN

class Clock:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    def now(self):
        return self.at
    def monotonic(self):
        return 0.0

rated = []
async def rate(answer, rating, comment):
    rated.append((answer, rating, comment))

def step(key, thread, parent=None, at="2026-11-01T00:00:00Z", **more):
    return {"id": key, "threadId": thread, "parentId": parent, "type": "tool", "name": key, "output": key, "createdAt": at,
            "metadata": {}, **more}

async def raw(layer, method, *values):
    await getattr(type(layer), method).__wrapped__(layer, *values)  # outside of a session there is nothing to wait for

async def main(path):
    clock = Clock()
    layer = Threads(History(path, clock, PLAIN, 30), rate)
    mia, noa = [await layer.create_user(User(identifier=name)) for name in ("mia", "noa")]
    assert (await layer.create_user(User(identifier="mia"))).id == mia.id, "a person is one person"
    assert await layer.get_user("nobody") is None
    for number, thread in enumerate(("one", "two", "three")):
        clock.at += timedelta(days=1)
        await layer.update_thread(thread, name=f" {thread}  conversation ", user_id=(noa if number == 2 else mia).id)
    await raw(layer, "create_step", step("run", "one"))
    await raw(layer, "create_step", step("said", "one", "run", output="Leucine rises", metadata={"answer_id": "ab"}))
    await raw(layer, "create_step", step("line", "one", "run", at="2026-11-01T00:00:01Z"))
    await raw(layer, "update_step", step("line", "one", "run", output="now otherwise"))

    for key in ("run", "said", "line"):  # whatever the thumb stands at, the answer is rated
        assert await layer.upsert_feedback(Feedback(forId=key, value=0, comment="no")) == key
    assert rated == [("ab", 1, "no")] * 3, rated
    await layer.upsert_feedback(Feedback(forId="unknown", value=1))
    assert len(rated) == 3

    whole = await layer.get_thread("one")
    assert [s["id"] for s in whole["steps"]] == ["run", "said", "line"]
    assert [s["output"] for s in whole["steps"]] == ["run", "Leucine rises", "now otherwise"]
    assert whole["steps"][1]["feedback"]["value"] == 0
    assert (whole["userIdentifier"], whole["name"]) == ("mia", "one conversation")
    await layer.delete_feedback("said")
    assert "feedback" not in (await layer.get_thread("one"))["steps"][1]

    async def listed(person, first=10, cursor=None, search=None):
        page = await layer.list_threads(Pagination(first=first, cursor=cursor), ThreadFilter(userId=person.id, search=search))
        return [t["id"] for t in page.data], page.pageInfo.hasNextPage
    assert await listed(mia) == (["two", "one"], False), "newest first, and nobody else's"
    assert await listed(mia, first=1) == (["two"], True)
    assert await listed(mia, first=1, cursor="two") == (["one"], False)
    assert await listed(mia, search="LEUCINE") == (["one"], False)
    assert await listed(mia, search="%") == ([], False)
    assert await listed(noa) == (["three"], False)

    await layer.update_thread("one", metadata={"before": {"question": "q", "concepts": []}})
    whole = await layer.get_thread("one")
    assert whole["metadata"]["before"]["question"] == "q" and whole["name"] == "one conversation"
    await layer.delete_thread("one")
    assert await layer.get_thread("one") is None and await layer.get_thread_author("one") == ""
    await layer.close()

    assert path.stat().st_mode & 0o077 == 0, "nobody else may read it"
    clock.at += timedelta(days=29.5)
    again = Threads(History(path, clock, PLAIN, 30), rate)
    assert await listed_ids(again, mia) == [] and await listed_ids(again, noa) == ["three"], "old ones are forgotten"
    await again.close()

async def listed_ids(layer, person):
    return [t["id"] for t in (await layer.list_threads(Pagination(first=9), ThreadFilter(userId=person.id))).data]

asyncio.run(main(Path(sys.argv[1])))
"""


def test_conversations_are_found_rated_forgotten_and_ones_own(chat_command: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [chat_command.with_name("python"), "-c", STORY, tmp_path / "threads.sqlite3"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
