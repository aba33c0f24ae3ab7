"""Who is let in, on a real database of each kind; and what is written down of it cannot be changed unnoticed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from cmo.access import LOCAL, TOKEN, KeyRing, Mark, Mode, Rules, Shown, Warden, Why, mint, verify
from cmo.errors import AccessRefused, NotFound, StoreError
from cmo.model.access import Allowance, Deed, Key, Person, Principal, Role
from cmo.store.record import Record
from cmo.testing import FakeClock

WISH = Key("", "", "ada", Role.CURATOR, "lab", 0.0, allowance=Allowance(5, 100))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def record(url: str, clock: FakeClock) -> Iterator[Record]:
    with Record.open(url, clock) as record:
        yield record


@pytest.fixture
def ring(record: Record, clock: FakeClock) -> KeyRing:
    return KeyRing(lambda: record.access, clock)


def warden(record: Record, clock: FakeClock, **rules: object) -> Warden:
    return Warden(lambda: record.access, clock, Rules(**rules))  # type: ignore[arg-type]


def test_a_service_is_open_until_the_first_key_is_made_and_never_again(
    record: Record, ring: KeyRing, clock: FakeClock
) -> None:
    door = warden(record, clock, tenant="own", token="secret")
    assert door.look(Shown()) == Principal(LOCAL, Role.OPERATOR, "own")
    assert door.look(Shown(key="secret")) == Principal(TOKEN, Role.ADMIN, "own", TOKEN)
    key, minted = ring.make(WISH, "root")
    clock.advance(0.6)
    assert door.look(Shown()) is Why.NOTHING
    assert door.look(Shown(key="nonsense")) is Why.MALFORMED
    assert door.look(Shown(key=mint().text)) is Why.UNKNOWN
    assert door.look(Shown(key=minted.text)) == Principal("ada", Role.CURATOR, "lab", key.id, Allowance(5, 100))
    assert door.look(Shown(key="secret")) == Principal(TOKEN, Role.ADMIN, "own", TOKEN)
    ring.revoke(key.id, "root", "left")
    clock.advance(0.6)
    assert (door.look(Shown(key=minted.text)), door.look(Shown())) == (Why.REVOKED, Why.NOTHING)
    assert warden(record, clock, mode=Mode.OPEN).look(Shown()) == Principal(LOCAL, Role.OPERATOR, "")


def test_no_process_goes_on_as_if_open_once_a_key_was_made(record: Record, clock: FakeClock, tmp_path: Path) -> None:
    mark, other = Mark(tmp_path / "keys.made"), Mark(tmp_path / "keys.made")
    door = Warden(lambda: record.access, clock, Rules(), other.seen)
    assert isinstance(door.look(Shown()), Principal)
    assert isinstance(door.at_once(Shown()), Principal)
    KeyRing(lambda: record.access, clock, mark.make).make(WISH, "root")
    assert door.at_once(Shown()) is None, "what it knew holds no more, and no time has passed"
    assert door.look(Shown()) is Why.NOTHING
    assert door.at_once(Shown()) is Why.NOTHING
    assert door.needed()


def test_where_nothing_can_be_marked_a_key_is_made_all_the_same(
    record: Record, clock: FakeClock, tmp_path: Path
) -> None:
    mark = Mark(tmp_path / "nowhere" / "keys.made")
    door = Warden(lambda: record.access, clock, Rules(), mark.seen)
    assert isinstance(door.look(Shown()), Principal)
    KeyRing(lambda: record.access, clock, mark.make).make(WISH, "root")
    clock.advance(0.6)
    assert door.look(Shown()) is Why.NOTHING


def test_where_keys_are_always_needed_nobody_comes_in_without(record: Record, clock: FakeClock) -> None:
    assert warden(record, clock, mode=Mode.KEYS).look(Shown()) is Why.NOTHING


def test_a_rotated_key_goes_on_for_a_while_then_is_refused_and_its_use_is_written_down(
    record: Record, ring: KeyRing, clock: FakeClock
) -> None:
    door = warden(record, clock)
    old, before = ring.make(WISH, "root", days=30)
    fresh, after = ring.rotate(old.id, "root", 3600)
    assert (fresh.name, fresh.role, fresh.tenant, fresh.expires_at) == (old.name, old.role, old.tenant, old.expires_at)
    assert [isinstance(door.look(Shown(key=k.text)), Principal) for k in (before, after)] == [True, True]
    with pytest.raises(AccessRefused, match=f"rotated already, into {fresh.id}"):
        ring.rotate(old.id, "root", 0)
    clock.advance(3600)
    assert isinstance(door.look(Shown(key=after.text)), Principal)
    shown = Shown(key=before.text)
    assert door.look(shown) is Why.ROTATED
    door.refuse(Why.ROTATED, shown, "10.0.0.7")
    deed = record.access.lines()[-1].deed
    assert (deed.actor, deed.action, deed.subject, deed.facts) == (
        "10.0.0.7",
        "key-refused",
        old.id,
        {"why": "rotated"},
    )
    clock.advance(30 * 86_400)
    assert door.look(Shown(key=after.text)) is Why.EXPIRED
    with pytest.raises(AccessRefused, match="expired"):
        ring.rotate(fresh.id, "root", 0)
    with pytest.raises(NotFound, match="cmo keys list"):
        ring.revoke("0" * 12, "root", "")


def test_what_the_store_said_holds_for_half_a_second_and_for_a_minute_where_it_is_silent(
    record: Record, ring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, minted = ring.make(WISH, "root")
    door, shown = warden(record, clock), Shown(key=minted.text)
    assert door.at_once(shown) is None
    assert isinstance(door.look(shown), Principal)

    def silent(*_: object) -> None:
        raise StoreError("gone")

    monkeypatch.setattr("cmo.store.access.SqlAccess.key", silent)
    monkeypatch.setattr("cmo.store.access.SqlAccess.guarded", silent)
    assert isinstance(door.at_once(shown), Principal)
    clock.advance(0.6)
    assert door.at_once(shown) is None
    assert isinstance(door.look(shown), Principal)
    clock.advance(60)
    with pytest.raises(StoreError):
        door.look(shown)
    with pytest.raises(StoreError):
        warden(record, clock).look(Shown())


def test_a_session_lasts_until_its_hour_its_key_or_its_owner_ends_it(
    record: Record, ring: KeyRing, clock: FakeClock
) -> None:
    key, minted = ring.make(WISH, "root")
    door = warden(record, clock, session_seconds=100.0)
    elsewhere = warden(record, clock)
    assert door.log_in(mint().text, "10.0.0.7") is Why.UNKNOWN
    sessions = [door.log_in(minted.text, "10.0.0.7") for _ in range(3)]
    cookies = [told[0] for told in sessions if isinstance(told, tuple)]
    assert [isinstance(elsewhere.look(Shown(cookie=c)), Principal) for c in cookies] == [True] * 3
    who = elsewhere.look(Shown(cookie=cookies[0]))
    assert isinstance(who, Principal)
    door.log_out(cookies[0], who)
    clock.advance(0.6)
    assert [elsewhere.look(Shown(cookie=c)) is Why.LEFT for c in cookies] == [True, False, False]
    ring.revoke(key.id, "root", "")
    clock.advance(0.6)
    assert elsewhere.look(Shown(cookie=cookies[1])) is Why.LEFT
    again = ring.make(WISH, "root")[1]
    told = door.log_in(again.text, "10.0.0.7")
    assert isinstance(told, tuple)
    clock.advance(100)
    assert door.look(Shown(cookie=told[0])) is Why.LEFT
    assert door.look(Shown(cookie="made up")) is Why.LEFT
    with record._engine.connect() as connection:
        assert told[0] not in connection.execute(text("SELECT digest FROM access_sessions")).scalars().all()


def test_what_anybody_can_do_as_often_as_they_like_is_written_down_a_few_times_and_counted(
    record: Record, clock: FakeClock
) -> None:
    door, deed = warden(record, clock), Deed(1.0, "10.0.0.7", "key-refused")
    for _ in range(100):
        door.note_some(deed)
    assert len(record.access.lines()) == 5
    clock.advance(61)
    door.note_some(deed)
    assert record.access.lines()[-1].deed.facts == {"missed": 95}


def test_uses_are_counted_by_day_over_all_processes(record: Record, ring: KeyRing) -> None:
    key, _ = ring.make(WISH, "root")
    assert [
        record.access.used(key.id, day, n, at) for day, n, at in (("d1", 3, 1.0), ("d1", 4, 2.0), ("d2", 1, 3.0))
    ] == [3, 7, 1]
    assert ring.one(key.id).used_at == 3.0


def test_no_secret_is_kept(record: Record, ring: KeyRing) -> None:
    key, minted = ring.make(WISH, "root")
    ring.rotate(key.id, "root", 0)
    with record._engine.connect() as connection:
        rows = [
            str(tuple(row))
            for t in ("access_keys", "access_trail")
            for row in connection.execute(text(f"SELECT * FROM {t}"))
        ]
    assert all(minted.text.rpartition("_")[2] not in row for row in rows)


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE access_trail SET actor = 'eve' WHERE number = 2",
        "DELETE FROM access_trail WHERE number = 2",
        "DELETE FROM access_trail WHERE number = 4",
        "UPDATE access_trail SET number = CASE number WHEN 2 THEN 30 ELSE 20 END WHERE number IN (2, 3)",
    ],
)
def test_the_database_refuses_to_change_the_trail_and_a_change_by_force_is_found(
    record: Record, ring: KeyRing, tamper: str
) -> None:
    for n in range(4):
        ring.note("ada", "looked", str(n), n=n)
    assert verify(record.access.lines(), record.access.height()) is None
    with pytest.raises(Exception, match="only ever added to"), record._engine.begin() as connection:
        connection.execute(text(tamper))
    with record._engine.begin() as connection:
        if record._engine.dialect.name == "sqlite":
            for what in ("UPDATE", "DELETE"):
                connection.execute(text(f"DROP TRIGGER access_trail_no_{what}"))
        else:
            connection.execute(text("ALTER TABLE access_trail DISABLE TRIGGER ALL"))
        connection.execute(text(tamper))
        if "CASE" in tamper:
            connection.execute(text("UPDATE access_trail SET number = number / 10 WHERE number >= 20"))
    fault = verify(record.access.lines(), record.access.height())
    assert fault is not None


def test_lines_of_several_processes_at_once_make_one_chain(url: str, clock: FakeClock) -> None:
    with Record.open(url, clock) as one, Record.open(url, clock) as two, ThreadPoolExecutor(4) as threads:
        rings = [KeyRing(lambda r=r: r.access, clock) for r in (one, two)]
        done = [threads.submit(rings[n % 2].note, f"writer {n % 4}", "looked", str(n)) for n in range(40)]
        assert [future.exception() for future in done] == [None] * 40
        lines = one.access.lines()
        assert (len(lines), verify(lines, two.access.height())) == (40, None)


def test_whom_a_provider_vouches_for_is_one_row_however_often_they_come_at_once(
    record: Record, ring: KeyRing, clock: FakeClock
) -> None:
    door, mia = warden(record, clock, mode=Mode.KEYS), Person("https://id", "u-1", "mia", Role.READER, "lab")
    other = replace(mia, subject="u-2", role=Role.ADMIN)
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda who: door.greet(who, "here"), [mia, other] * 4))
    clock.advance(0.6)
    let_in = [door.look(Shown(cookie=one[0])) for one in told if not isinstance(one, Why)]
    assert [one for _, one in sorted((p.key, p.role) for p in let_in if isinstance(p, Principal))] == (
        [Role.READER] * 4 + [Role.ADMIN] * 4 if mia.id < other.id else [Role.ADMIN] * 4 + [Role.READER] * 4
    )
    names = {key.name for key in ring.all()}
    assert names in ({"mia", f"mia~{mia.id}"}, {"mia", f"mia~{other.id}"})  # whoever came first has the name
    assert door.look(Shown(key=f"cmo_{mia.id}_{'s' * 43}")) is Why.MALFORMED
    assert record.access.used(mia.id, "2026-01-01", 2, 0.0) == 2
    with pytest.raises(AccessRefused, match="signs in with a provider"):
        ring.rotate(mia.id, "root", 0.0)
    ring.revoke(mia.id, "root", "left")
    clock.advance(0.6)
    assert (door.greet(mia, "here"), door.vouched(mia)) == (Why.REVOKED, Why.REVOKED)
    ring.readmit(mia.id, "root", "back")
    clock.advance(0.6)
    program = door.vouched(replace(mia, role=Role.OPERATOR, tenant="two"))
    assert isinstance(program, Principal)
    assert (program.role, program.tenant, ring.one(mia.id).role) == (Role.OPERATOR, "two", Role.READER)
    assert verify(record.access.lines(), record.access.height()) is None


def test_nobody_is_taken_for_another_whose_id_is_the_same_and_no_key_comes_back(
    record: Record, ring: KeyRing, clock: FakeClock
) -> None:
    mia = Person("https://id", "u-1", "mia", Role.READER, "lab")
    record.access.add(replace(WISH, id=mia.id, digest="0" * 64), Deed(0.0, "root", "key-made"))
    door = warden(record, clock, mode=Mode.KEYS)
    assert (door.greet(mia, "here"), door.vouched(mia)) == (Why.UNKNOWN, Why.UNKNOWN)
    key, _ = ring.make(WISH, "root")
    ring.revoke(key.id, "root", "lost")
    with pytest.raises(AccessRefused, match="stays revoked"):
        ring.readmit(key.id, "root", "found")
