"""How an answer looks in a terminal."""

from io import StringIO

from rich.console import Console

from cmo.cli import show
from cmo.model.answers import Answer, RelationRow
from cmo.model.concepts import Kind, RelationType
from cmo.model.graph import Node
from cmo.model.questions import Mode
from cmo.oracle import Reply

LONG = "hydroxyphenylpyruvate-dioxygenase-deficiency"


def test_no_name_of_a_table_is_cut_off_in_a_narrow_terminal() -> None:
    ends = Node(1, "CHEBI:1", "gammaglutamylphenylalanine", Kind.METABOLITE, 1), Node(2, "D:1", LONG, Kind.DISEASE, 1)
    row = RelationRow(ends[0], ends[1], RelationType.ASSOCIATED_WITH, 0.5, 1, 0, ("plasma",), (), (), (), (), "papers")
    out = StringIO()
    show.reply(
        Console(file=out, width=60), Reply(Answer("What?", (), (), 0.9, "1", relations=(row,)), Mode.HYBRID, 0, 0), {}
    )
    assert "…" not in out.getvalue()
