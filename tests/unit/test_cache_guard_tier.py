"""The semantic tier: finds the same question in its scope, and nothing where it must not."""

import threading
from pathlib import Path

import numpy as np
import pytest

from cmo.cache.semantic import Audit, Candidates, Likeness, SemanticGuard, SemanticTier, Told
from cmo.model.concepts import Concept, Kind
from cmo.testing import FakeLinker, HashingEmbedder
from cmo.vocabulary.units import quantities

ROLE, PLAYS = "What is the role of TMAO in heart failure?", "What role does TMAO play in HF?"
LINKER, EMBEDDER = FakeLinker([Concept("CHEBI:1", "TMAO", Kind.METABOLITE)]), HashingEmbedder()
GUARD = SemanticGuard(
    lambda: LINKER, quantities, lambda: EMBEDDER, Likeness(-9.0, {"cosine": 0.0}, 0.5, 0.05, proven=False)
)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "audit.json", lambda: 0.5)


@pytest.fixture
def tier(audit: Audit) -> SemanticTier[str]:
    return SemanticTier(GUARD, lambda: EMBEDDER, audit)


def test_a_question_in_other_words_is_found_with_its_reason(tier: SemanticTier[str]) -> None:
    tier.keep(ROLE, "s", "key")
    found = tier.find(PLAYS, "s")
    assert found
    assert (found.value, found.question, found.audited) == ("key", ROLE, False)
    assert found.sameness.reasons[0].startswith("signature: ")
    assert (tier.statistics.asked, tier.statistics.found, tier.statistics.questions) == (1, 1, 1)


def test_another_question_is_not_found_however_near(tier: SemanticTier[str]) -> None:
    tier.keep(ROLE, "s", "key")
    assert tier.find("What is the role of TMAO in kidney failure?", "s") is None
    assert tier.statistics.compared == 1


def test_scopes_never_meet(tier: SemanticTier[str]) -> None:
    tier.keep(ROLE, "one", "key")
    assert tier.find(ROLE, "another") is None
    tier.drop("one")
    assert tier.find(ROLE, "one") is None


def test_what_asks_for_the_present_is_neither_kept_nor_found(tier: SemanticTier[str]) -> None:
    tier.keep("What is the latest on TMAO in heart failure?", "s", "key")
    assert tier.statistics.questions == 0
    assert tier.find("What is the latest on TMAO in heart failure?", "s") is None


def test_a_tier_whose_audit_fails_answers_nothing(tier: SemanticTier[str]) -> None:
    tier.keep(ROLE, "s", "key")
    kept, anew = Told(frozenset("a"), frozenset("x")), Told(frozenset("b"), frozenset("y"))
    while tier.statistics.running:
        tier.compared(kept, anew)
    assert tier.find(PLAYS, "s") is None
    assert tier.statistics.audit.stopped
    assert tier.statistics.audit.looked < 10


def test_a_drawn_hit_is_told(tmp_path: Path) -> None:
    tier: SemanticTier[str] = SemanticTier(GUARD, lambda: EMBEDDER, Audit(tmp_path / "a.json", lambda: 0.01))
    tier.keep(ROLE, "s", "key")
    found = tier.find(PLAYS, "s")
    assert found
    assert found.audited


def test_the_oldest_question_makes_room() -> None:
    few: Candidates[int] = Candidates(most=3)
    for n in range(5):
        asked = GUARD.read(f"Is peak {n} of TMAO in plasma?")
        few.add("s", asked, EMBEDDER.encode_query(asked.text), n)
    assert len(few) == 3
    assert few.equal("s", GUARD.read("Is peak 1 of TMAO in plasma?")) is None
    assert [few.equal("s", GUARD.read(f"Is peak {n} of TMAO in plasma?")).value for n in (2, 3, 4)] == [2, 3, 4]  # type: ignore[union-attr]


def test_a_question_asked_again_takes_no_room() -> None:
    few: Candidates[int] = Candidates(most=3)
    for n, question in enumerate([ROLE, PLAYS, "Is TMAO toxic in mice?", ROLE]):
        few.add("s", GUARD.read(question), EMBEDDER.encode_query(question), n)
    found = few.equal("s", GUARD.read(PLAYS))
    assert found
    assert found.value == 3
    assert len(few) == 2


def test_the_nearest_come_first_and_far_ones_not_at_all() -> None:
    kept: Candidates[int] = Candidates()
    vectors = [np.array(v, np.float32) for v in ((1, 0), (0.8, 0.6), (0, 1), (0.6, 0.8))]
    for n, vector in enumerate(vectors):
        kept.add("s", GUARD.read(f"Is peak {n} of TMAO in plasma?"), vector, n)
    assert [c.value for c in kept.nearest("s", vectors[0], limit=2)] == [0, 1]
    assert [c.value for c in kept.nearest("s", vectors[0], floor=0.7)] == [0, 1]
    assert kept.nearest("s", np.ones(3, np.float32)) == []


def test_another_encoder_begins_anew() -> None:
    kept: Candidates[int] = Candidates()
    kept.add("s", GUARD.read(ROLE), np.ones(2, np.float32), 1)
    kept.add("s", GUARD.read("Is TMAO toxic in mice?"), np.ones(3, np.float32), 2)
    assert len(kept) == 1
    assert [c.value for c in kept.nearest("s", np.ones(3, np.float32))] == [2]


def test_the_scope_that_was_asked_least_lately_makes_room() -> None:
    kept: Candidates[int] = Candidates(most_scopes=2)
    asked, vector = GUARD.read(ROLE), np.ones(2, np.float32)
    for scope in ("a", "b", "a", "c"):
        kept.add(scope, asked, vector, 1)
    assert [kept.equal(scope, asked) is not None for scope in "abc"] == [True, False, True]


def test_many_threads_may_ask_and_keep(tier: SemanticTier[str]) -> None:
    def work(n: int) -> None:
        for m in range(10):
            tier.keep(f"Is peak {m % 5} of TMAO in sample {n}?", "s", str(n))
            tier.find(f"Is peak {m % 5} of TMAO in sample {n}?", "s")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tier.statistics.questions == 40
    assert tier.statistics.found == tier.statistics.asked == 80
