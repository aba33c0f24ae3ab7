"""How answers and outcomes look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cmo.kit.telling import Hear
from cmo.kit.text import shorten
from cmo.model.answers import Answer, AnswerSentence, Leaning, RelationRow
from cmo.model.evidence import Evidence
from cmo.model.outcomes import Outcome, Status
from cmo.model.papers import PaperRef
from cmo.model.stages import Stage
from cmo.oracle import Reply

_CONCLUDES = 90
"""Letters of the sentence behind a verdict."""
_STYLE = {Status.ADDED: "green", Status.REPLACED: "cyan", Status.UNCHANGED: "dim", Status.REFUSED: "yellow"}


def reply(console: Console, value: Reply, images: Mapping[str, str]) -> None:
    """An answer with its sources, or the refusal."""
    answer = value.answer
    if answer.refusal:
        console.print(Panel(_refusal(answer), title="No answer", border_style="yellow", title_align="left"))
    else:
        console.print(Panel(_body(answer), title=escape(answer.question), border_style="green", title_align="left"))
        if answer.leaning:
            console.print(_verdict(answer, answer.leaning), soft_wrap=True)
        if answer.relations:
            console.print(_relations(answer))
        for line in (*_paths(answer), *_sources(answer)):
            console.print(line, soft_wrap=True)
        for name, path in images.items():
            console.print(f"  [dim]{name}[/] → {escape(path)}", soft_wrap=True)
    for printed, name in answer.misread:
        console.print(f"[yellow]read as[/] {escape(name)}: {escape(printed)}", soft_wrap=True)
    for text in answer.unsupported:
        console.print(f"[yellow]left out[/], as no passage bears it out: {escape(text)}", soft_wrap=True)
    if value.notice:
        console.print(f"[yellow]note[/]: {escape(value.notice)}", soft_wrap=True)
    console.print(
        f"[dim]confidence {answer.confidence:.2f} · {answer.searched:,} passages searched · "
        f"{value.milliseconds:.1f} ms · snapshot {answer.snapshot or '-'}[/]"
    )


def along(console: Console) -> Hear:
    """Shows what an answer is made of while it is made: steps, and sentences as soon as they are checked."""

    def hear(fact: object) -> None:
        match fact:
            case Stage():
                console.print(f"[dim]{fact.step:>9}  {escape(fact.text)}[/]", soft_wrap=True)
            case AnswerSentence():
                console.print(Text(fact.text), soft_wrap=True)

    return hear


def outcome(value: Outcome) -> str:
    """One line about one file, in Rich markup."""
    name = escape(value.source.rsplit("/", 1)[-1])
    head = f"[{_STYLE[value.status]}]{value.status:<9}[/] {name}"
    if value.status is Status.REFUSED:
        return f"{head}  [yellow]{value.reason}[/]: {escape(value.detail)} {escape(value.remedy)}"
    if value.status is Status.UNCHANGED:
        return f"{head}  [dim]{escape(value.detail or value.title[:70])}[/]"
    return f"{head}  [dim]{value.pages} pages, {value.chunks} passages[/]  {escape(value.title[:70])}"


def citation(ref: PaperRef) -> str:
    """A paper on one line."""
    about = ref.metadata
    who = f"{about.authors[0]} et al. " if len(about.authors) > 1 else "".join(f"{a} " for a in about.authors)
    where = ", ".join(str(part) for part in (about.journal, about.year) if part)
    link = f" doi:{about.doi}" if about.doi else ""
    return f"{who}{about.title or ref.source}{f'. {where}' if where else ''}{link}"


def _body(answer: Answer) -> Text:
    text = Text()
    for sentence in answer.sentences:
        text.append(sentence.translation or sentence.text)
        if sentence.translation:
            text.append(f" “{sentence.text}”", "dim")
        text.append("".join(f" [{n}]" for n in sentence.citations) + "  ", style="bold cyan")
    return text


def _verdict(answer: Answer, leaning: Leaning) -> str:
    """Yes or no, and by which sentence."""
    concludes = next((shorten(e.text, _CONCLUDES) for e in answer.evidence if e.id == leaning.evidence), "")
    if leaning.probability is None:
        return "[bold]verdict[/] unsure: no sentence quoted draws a conclusion"
    sure = max(leaning.probability, 1 - leaning.probability)
    return f"[bold]verdict[/] {leaning.says.value} ({sure:.2f}), by “{escape(concludes)}”"


def _relations(answer: Answer) -> Table:
    """Who is related to whom, and what speaks for and against it."""
    numbers = {cited.paper: cited.number for cited in answer.citations}

    def marks(evidence: Sequence[Evidence], papers: int) -> str:
        quoted = "".join(f"[{numbers[e.paper]}]" for e in evidence)
        return f"{papers} {quoted}" if papers else "-"

    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    for name in ("", "", "", "in", "papers for", "against", "p"):
        table.add_column(name, justify="right" if name == "p" else "left", overflow="fold")  # a cut name is no name
    for row in answer.relations:
        sides = marks(row.evidence_for, row.papers_for), marks(row.evidence_against, row.papers_against)
        if row.source != "papers":
            sides = f"curated: {row.source}", "-"
        cells = (row.subject.name, row.type.value, row.object.name, _where(row), *sides)
        table.add_row(*map(Text, cells), f"{row.probability:.2f}")
    return table


def _where(row: RelationRow) -> str:
    """In what and in whom it was seen, and in whom the opposite, as far as the sentences say."""
    there = ", ".join((*row.specimens, *row.organisms))
    opposed = f"against: {', '.join(row.organisms_against)}" if row.organisms_against else ""
    return "; ".join(filter(None, (there, opposed))) or "-"


def _paths(answer: Answer) -> list[str]:
    """How the question's concepts hang together, one way a line."""
    lines = []
    for chain in answer.enrichment.paths if answer.enrichment else ():
        steps = [f"{escape(row.subject.name)} [italic]{row.type.value}[/] {escape(row.object.name)}" for row in chain]
        lines.append("  [dim]by way of:[/] " + " · ".join(steps))
    return lines


def _sources(answer: Answer) -> list[str]:
    lines = []
    for cited in answer.citations:
        lines.append(f"[bold cyan]\\[{cited.number}][/] {escape(citation(cited.paper))}")
        lines += [
            f"    [dim]page {e.page}, {e.section}{escape(f' · {e.heading}') if e.heading else ''}, evidence {e.id}[/]"
            for e in answer.evidence
            if e.paper == cited.paper
        ]
    return lines


def _refusal(answer: Answer) -> Group:
    assert answer.refusal
    nearest = [Text(f"  nearest: {citation(ref)}", style="dim") for ref in answer.refusal.nearest]
    return Group(Text(answer.refusal.message), *nearest)
