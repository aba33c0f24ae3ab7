"""How an answer looks in a terminal."""

from io import StringIO

from rich.console import Console

from cmo.cli import show
from cmo.model.answers import Answer, AnswerSentence, Leaning, RelationRow, Says
from cmo.model.concepts import Kind, RelationType
from cmo.model.evidence import Evidence
from cmo.model.graph import Node
from cmo.model.papers import Format, Metadata, PaperRef, Section
from cmo.model.questions import Mode
from cmo.model.stages import Anew, Stage, Step
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


def test_a_verdict_is_shown_with_what_concludes_and_where_nothing_does_that_is_said() -> None:
    paper = PaperRef("p", 1, "0" * 64, "p.txt", Format.TEXT, Metadata())
    quoted = Evidence("p.1.0-9", paper, 1, 0, 9, (), "We conclude [so].", Section.ABSTRACT, "", 1.0)
    said = (AnswerSentence("It is so.", (1,), (quoted,)),)

    def shown(leaning: Leaning) -> str:
        out = StringIO()
        answer = Answer("Is it?", said, (), 0.9, "1", leaning=leaning)
        show.reply(Console(file=out, width=100), Reply(answer, Mode.HYBRID, 0, 0), {})
        return out.getvalue()

    assert "verdict no (0.80), by “We conclude [so].”" in shown(Leaning(Says.NO, 0.2, 0, "p.1.0-9"))
    assert "no sentence quoted draws a conclusion" in shown(Leaning(Says.UNSURE))


def test_what_is_told_along_the_way_is_shown_as_it_stands() -> None:
    out = StringIO()
    hear = show.along(Console(file=out, width=100))
    hear(Stage(Step.WRITE, "Writing from 3 [passages]"))
    hear(AnswerSentence("Valine [red]rose[/].", (1,), ()))
    hear(Anew())
    assert out.getvalue() == "    write  Writing from 3 [passages]\nValine [red]rose[/].\n"
