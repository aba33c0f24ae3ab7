"""What a tab hears that comes in the midst of an answer: run where Chainlit is, by its own interpreter."""

import subprocess
from pathlib import Path

STORY = """
import asyncio, sys
from types import SimpleNamespace
from chainlit.session import WebsocketSession
from cmo.chat import lines
from cmo.chat.lines import Lines, alone, busy, tabs

THREAD = {"id": "t", "steps": []}

def tab(name, heard, user="mia", thread="t"):
    async def emit(event, data):
        heard.append((name, event, data.get("output", data.get("token", data.get("id", ""))) if data else ""))
    made = WebsocketSession(name, f"socket {name}", emit, emit, {}, "webapp", thread_id=thread,
                            user=SimpleNamespace(identifier=user))
    made.has_first_interaction = True
    return made

async def main():
    heard, said = [], asyncio.Event()

    class Threads:
        async def get_thread(self, _):
            await said.wait()
            return THREAD

    told = Lines(Threads())

    async def nothing(*_):
        return True

    async def open_(session):
        await told.connect(nothing, session.socket_id, {}, {})
        return session

    one = await open_(tab("one", heard))
    await one.emit("task_start", {})
    await one.emit("stream_start", {"id": "a", "output": "Leucine "})
    await one.emit("stream_token", {"id": "a", "token": "rises. ", "isSequence": False})
    heard.clear()

    two = await open_(tab("two", heard))
    for stranger in (tab("noa", heard, user="noa"), tab("else", heard, thread="u")):
        await open_(stranger)
    assert tabs(one) == [one, two]
    one.current_task = asyncio.ensure_future(asyncio.sleep(60))
    assert busy(two)
    joining = asyncio.ensure_future(told.connected(nothing, two.socket_id))
    await asyncio.sleep(0.01)
    await one.emit("stream_token", {"id": "a", "token": "Valine ", "isSequence": False})
    await one.emit("new_message", {"id": "step"})
    said.set()
    await joining
    await one.emit("stream_token", {"id": "a", "token": "too.", "isSequence": False})
    assert [h[1:] for h in heard if h[0] == "two"] == [
        ("resume_thread", "t"), ("new_message", "step"), ("stream_start", "Leucine rises. Valine "), ("task_start", ""),
        ("stream_token", "too."),
    ], heard
    assert {h[0] for h in heard} == {"one", "two"}, "strangers, and other conversations, hear nothing"

    heard.clear()
    with alone():
        await two.emit("task_end", {})
    await two.emit("set_commands", {})
    assert {h[0] for h in heard} == {"two"}, heard
    await told.asked(nothing, one.socket_id, {"message": {"id": "q", "output": "And valine?"}})
    assert heard[-1] == ("two", "new_message", "And valine?")
    assert [h for h in heard if h[0] == "one"] == [], "it shows its own question by itself"
    await one.emit("new_message", {"id": "a"})
    await one.emit("task_end", {})
    assert told._parts == {}
    await lines._stop(two.socket_id)
    await asyncio.sleep(0)
    assert one.current_task.cancelled() and not busy(two)

asyncio.run(main())
"""


def test_a_tab_that_comes_in_the_midst_hears_what_was_said_once_and_the_rest_as_it_comes(
    chat_command: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [chat_command.with_name("python"), "-c", STORY],
        cwd=tmp_path,
        env={"CHAINLIT_APP_ROOT": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
