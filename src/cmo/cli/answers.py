"""`cmo answers` and `cmo replay`: what was answered, what people think of it, and what would be answered today."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo import wire
from cmo.answer.bibliography import Style, bibliography
from cmo.app import opened
from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Begun
from cmo.cli.output import console, print_json
from cmo.errors import LabelsUnusable
from cmo.model.audit import HIGHEST, LOWEST, Given, Rating
from cmo.model.money import Payer
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.app import App
    from cmo.stories.replay import Replay

app = typer.Typer(help="Answers that the service gave: list, show, rate, forget.", no_args_is_help=True)

_UNDECIDED = 3

AnswerId = Annotated[str, typer.Argument(help="The `id` of a reply.", metavar="ANSWER_ID")]


@app.command("list")
def listed(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many to show, newest first.")] = 20,
    match: Annotated[str, typer.Option(help="Words that the question must contain.")] = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """List what was answered, newest first."""
    with opened(read_settings(working_dir=home)) as house:
        given = house.record.answers.recent(limit, containing=match)
    if as_json:
        print_json({"answers": [_line(g) for g in given]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "at (UTC)", "confidence", "question"):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for g in given:
        sure = f"{g.reply['confidence']:.2f}" if g.reply["answered"] else "refused"
        table.add_row(g.id, f"{g.at:%Y-%m-%d %H:%M}", sure, escape(g.question))
    console.print(table if given else "No answer is kept yet: `cmo serve` writes down what it answers.")


@app.command("show")
def show(
    answer: AnswerId,
    *,
    references: Annotated[Style | None, typer.Option(help="Print its references alone, in this style.")] = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show an answer as it was given, and its ratings."""
    with opened(read_settings(working_dir=home)) as house:
        answers = house.record.answers
        given, ratings = answers.needed(answer), answers.ratings(answer)
    if references:
        typer.echo(bibliography([wire.paper_of(c) for c in given.reply["citations"]], references), nl=False)
        return
    if as_json:
        said = [{"rating": r.score, "comment": r.comment, "at": r.at.isoformat()} for r in ratings]
        print_json({**_line(given), "asked": given.asked, "reply": given.reply, "ratings": said})
        return
    console.print(f"[bold]{escape(given.question)}[/]\n{escape(given.reply['answer'])}", soft_wrap=True)
    for source in given.reply["sources"]:
        console.print(f"  [dim]{escape(source)}[/]", soft_wrap=True)
    for step in given.reply.get("steps", ()):  # of an answer that was made in steps
        said = step["gap"] or step["answer"]
        console.print(f"  [bold]{escape(step['question'])}[/] [dim]{escape(said)}[/]", soft_wrap=True)
    for rating in ratings:
        console.print(f"{rating.score} of {HIGHEST}  {escape(rating.comment)}", soft_wrap=True)


@app.command("rate")
def rate(
    answer: AnswerId,
    rating: Annotated[
        int, typer.Argument(min=LOWEST, max=HIGHEST, help="1 (useless or wrong) to 5 (right and complete).")
    ],
    *,
    comment: Annotated[str, typer.Option(help="In words.")] = "",
    user: Annotated[str, typer.Option(help="Who says so; each has one rating of an answer, the last.")] = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Say what an answer is worth."""
    with opened(read_settings(working_dir=home)) as house:
        house.record.answers.rate(Rating(answer, house.clock.now(), Payer(user=user), rating, comment.strip()))
    if as_json:
        print_json({"answer_id": answer, "rating": rating})
    else:
        console.print(f"Kept: {rating} of {HIGHEST} for {answer}.")


@app.command("forget")
def forget(
    *,
    days: Annotated[float, typer.Option(min=0, help="Answers that are older than so many days.")],
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Delete what was answered, with its ratings."""
    with opened(read_settings(working_dir=home)) as house:
        gone = house.record.answers.forget(house.clock.now() - timedelta(days=days))
    if as_json:
        print_json({"forgotten": gone})
    else:
        console.print(f"{gone} answers are deleted.")


@app.command("learn")
def learn(
    *,
    forget_it: Annotated[bool, typer.Option("--forget", help="Go by the shipped judgement again.")] = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Fit the probability that an answer may be shown to the ratings of people here; 4 and 5 accept, 1 and 2 do not."""
    with opened(read_settings(working_dir=home)) as house:
        if forget_it:
            house.accepting.change(None)
            told: dict[str, Any] = {"ratings": 0}
        else:
            told = _learnt(house)
    if as_json:
        print_json(told)
    elif forget_it:
        console.print("Answers are judged as shipped again.")
    else:
        console.print(
            f"Learnt from {told['ratings']} ratings, of which {told['accepted']:.0%} accept: "
            f"squared error {told['before']:.3f} before, {told['after']:.3f} after (on these ratings). "
            "A service that runs takes it up when it starts again."
        )


def _learnt(house: App) -> dict[str, Any]:
    from cmo.assess.feedback import learnt
    from cmo.assess.heads import shipped

    house.accepting.change(None)  # what is judged now is judged as shipped
    stated, accepted = [], []
    for rating in house.record.answers.ratings():
        given = house.record.answers.get(rating.answer)
        judged = house.judge_sent(given.reply) if given and rating.score != _UNDECIDED else None
        if judged is not None:
            stated.append(judged.acceptable)
            accepted.append(rating.score > _UNDECIDED)
    try:
        found = learnt(shipped("acceptable"), stated, accepted)
    except ValueError as error:
        raise LabelsUnusable(f"{error} Rate answers on the page, or with `cmo answers rate`.") from error
    house.accepting.change(found.head)
    return {"ratings": found.ratings, "accepted": found.accepted, "before": found.before, "after": found.after}


def replay(answer: AnswerId, *, home: Begun = None, as_json: AsJson = False) -> None:
    """Ask again what an answer was given to, and show what would differ today; exits with 10 if anything does."""
    with opened(read_settings(working_dir=home)) as house:
        replayed = house.replayer.replay(answer)
    if as_json:
        print_json(replayed.as_json())
    else:
        _told(replayed)
    if not replayed.same:
        raise typer.Exit(Exit.DIFFERS)


def _told(replayed: Replay) -> None:
    console.print(f"[bold]{escape(replayed.question)}[/]  [dim]{replayed.at[:16]}[/]", soft_wrap=True)
    for mark, style, sentences in (
        (" ", "", replayed.kept),
        ("-", "red", replayed.gone),
        ("+", "green", replayed.new),
    ):
        for sentence in sentences:
            console.print(f"{mark} {sentence}", style=style, markup=False, soft_wrap=True)
    for paper in replayed.papers:
        console.print(f"{paper.fate}: {paper.title}", markup=False, soft_wrap=True)
    for name, (then, now) in replayed.changed.items():
        console.print(f"{name}: {then} then, {now} now", style="dim", markup=False, soft_wrap=True)
    if replayed.same:
        console.print("The same sentences of the same papers would be said today.")


def _line(given: Given) -> dict[str, Any]:
    reply = given.reply
    return {
        "id": given.id,
        "at": given.at.isoformat(),
        "tenant": given.payer.tenant,
        "user": given.payer.user,
        "release": given.release,
        "version": given.version,
        "question": given.question,
        "answered": reply["answered"],
        "confidence": reply["confidence"],
        "snapshot": reply["snapshot"],
    }
