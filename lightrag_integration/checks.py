"""Checks that the documents run from the command line: ``python -c "…; test_knowledge_base_integrity()"``."""

from __future__ import annotations

from cmo.app import opened
from cmo.errors import SnapshotCorrupt
from cmo.settings import read_settings


def test_knowledge_base_integrity() -> bool:
    """Check database, index and recall of the knowledge base that the environment names.

    Raises:
        SnapshotCorrupt: naming every fault; so that a script stops with a message and a non-zero code.
    """
    with opened(read_settings()) as house:
        check = house.curator.check()
    if not check.sound:
        raise SnapshotCorrupt("; ".join(check.faults))
    return True


test_knowledge_base_integrity.__test__ = False  # type: ignore[attr-defined]  # a name of the documents, not a test
