"""Where sentences are printed: on turned pages, on cropped pages, across columns and pages."""

from __future__ import annotations

import io
import os
import signal

import pytest
from PIL import Image

from cmo.errors import NotFound, PaperRefused
from cmo.ingest.drawing import Drawer
from cmo.ingest.limits import Limits
from cmo.ingest.page_image import render_page
from cmo.ingest.pdf import PdfParser
from cmo.model.outcomes import Refusal
from cmo.model.papers import Box, Role, Section

FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def make_pdf(pages, extra=b""):
    """A PDF of pages, each a list of (x, y, size, text), y from the bottom."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", FONT]
    kids = []
    for page in pages:
        drawn = b"".join(
            b"BT /F1 %g Tf 1 0 0 1 %g %g Tm (%s) Tj ET\n"
            % (size, x, y, text.replace("(", "\\(").replace(")", "\\)").encode("cp1252"))
            for x, y, size, text in page
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
        kids.append(len(objects) + 1)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]%s/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % (extra, len(objects))
        )
    refs = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (refs, len(kids))
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        len(out),
    )


def paragraph(lines, x, y, size=10):
    return [(x, y - 12 * i, size, line) for i, line in enumerate(lines)]


ONE_LINE = [(100, 700, 10, "The level of lactate rose in all patients with sepsis.")]


@pytest.fixture
def parse(tmp_path):
    def parse(pages, extra=b""):
        path = tmp_path / "made.pdf"
        path.write_bytes(make_pdf(pages, extra))
        return PdfParser().parse(path)

    return parse


def only_box(paper):
    (sentence,) = paper.sentences
    (box,) = sentence.boxes
    return box


def test_a_box_counts_from_the_top_left_corner_of_the_page(parse):
    box = only_box(parse([ONE_LINE]))
    assert box.x0 == pytest.approx(100, abs=2)
    assert box.y0 < 100 < box.y1
    assert box.y1 - box.y0 == pytest.approx(11, abs=3)


@pytest.mark.parametrize(
    ("turn", "place"),
    [
        (90, lambda b: (b.x0 < 700 < b.x1, b.y0)),
        (180, lambda b: (b.y0 < 700 < b.y1, 600 - b.x1)),
        (270, lambda b: (b.x0 < 100 < b.x1, 600 - b.y1)),
    ],
)
def test_a_box_lies_where_a_turned_page_shows_the_sentence(parse, turn, place):
    paper = parse([ONE_LINE], b"/Rotate %d" % turn)
    across, along = place(only_box(paper))
    assert across
    assert along == pytest.approx(100, abs=2)
    assert (paper.pages[0].width, paper.pages[0].height) == ((800, 600) if turn % 180 else (600, 800))


def test_a_box_counts_from_the_corner_of_the_crop_box(parse):
    paper = parse([ONE_LINE], b"/CropBox[50 100 550 750]")
    box = only_box(paper)
    assert (paper.pages[0].width, paper.pages[0].height) == (500, 650)
    assert box.x0 == pytest.approx(50, abs=2)
    assert box.y0 < 50 < box.y1


LEFT = [
    "Lactate is the end product of glycolysis under",
    "low oxygen, and its level in blood tells how much",
    "tissue is short of it. Many groups have meas-",
    "ured it in patients with sepsis, and most of them",
    "found that a level above two millimoles means",
    "a bad outcome. We wanted to know whether the",
]
RIGHT = [
    "same holds for pyruvate, which was measured in",
    "few of these studies. The ratio of both is often",
    "called the redox state of the cytosol, and has",
    "been measured in muscle and liver. Here we show",
    "that the ratio in blood follows the one in muscle",
    "closely in a cohort of two hundred patients.",
]


def two_columns(y=700):
    return paragraph(LEFT, 50, y) + paragraph(RIGHT, 320, y)


def test_two_columns_are_read_one_after_the_other_and_broken_words_are_whole(parse):
    text = parse([two_columns()]).text
    assert "Many groups have measured it in patients" in text
    assert "whether the same holds for pyruvate" in text


def test_a_sentence_over_two_columns_has_boxes_in_both(parse):
    paper = parse([two_columns()])
    (sentence,) = (s for s in paper.sentences if "whether" in paper.text[s.start : s.end])
    assert [round(box.x0 / 10) for box in sentence.boxes][-1] == 32
    assert len(sentence.boxes) == 3


def test_a_caption_between_the_columns_does_not_cut_the_sentence(parse):
    page = [*two_columns(), (320, 720, 8, "Figure 1. Levels of lactate in the blood of patients with sepsis.")]
    paper = parse([page])
    assert "whether the same holds for pyruvate" in paper.text
    (caption,) = (s for s in paper.sentences if s.role is Role.CAPTION and "Levels" in paper.text[s.start : s.end])
    assert caption.page == 1


def test_running_heads_and_page_numbers_are_gone_and_sentences_go_on_overleaf(parse):
    def page(number):
        fluid = ("blood", "plasma", "urine")[number - 1]
        return [
            (50, 770, 8, "Journal of Lactate 2020, 1:1"),
            (300, 30, 8, str(number)),
            *paragraph([f"{fluid} {line}" for line in LEFT + RIGHT[:-1]], 50, 700),
            (50, 568, 10, f"and so the {fluid} goes on to the"),
        ]

    text = parse([page(1), page(2), page(3)]).text
    assert "Journal of Lactate" not in text
    assert "and so the blood goes on to the plasma Lactate is the end product" in text


def test_headings_open_sections_and_references_cannot_be_cited(parse):
    page = [
        (50, 760, 18, "Lactate and pyruvate in two hundred patients"),
        (50, 730, 12, "Methods"),
        *paragraph(LEFT, 50, 710),
        (50, 625, 12, "Results"),
        *paragraph(RIGHT, 50, 605),
        (50, 520, 12, "References"),
        (50, 500, 8, "1. Smith AB, Jones C. Lactate in sepsis. Crit Care 2010, 14:1-9."),
        (50, 488, 8, "2. Miller D. Pyruvate in sepsis. Crit Care 2011, 15:10-19."),
    ]
    paper = parse([page])
    sections = {s.section for s in paper.sentences if s.role is Role.PROSE}
    assert sections == {Section.METHODS, Section.RESULTS}
    entries = [paper.text[s.start : s.end] for s in paper.sentences if s.role is Role.REFERENCE]
    assert len(entries) == 2
    assert paper.metadata.title == "Lactate and pyruvate in two hundred patients"


def test_sentences_are_ordered_and_do_not_overlap(parse):
    paper = parse([two_columns(), two_columns()])
    for before, after in zip(paper.sentences, paper.sentences[1:], strict=False):
        assert before.end <= after.start
    assert all(s.boxes and s.page == s.boxes[0].page for s in paper.sentences)


def test_a_rendered_page_is_marked_where_the_box_lies():
    image = Image.open(io.BytesIO(render_page(make_pdf([ONE_LINE]), 1, [Box(1, 100, 90, 300, 104)], scale=2)))
    assert image.size == (1200, 1600)
    assert image.getpixel((590, 184)) != (255, 255, 255)
    assert image.getpixel((590, 300)) == (255, 255, 255)


def test_a_page_of_absurd_size_is_drawn_small():
    huge = make_pdf([ONE_LINE]).replace(b"[0 0 600 800]", b"[0 0 90000 90000]")
    image = Image.open(io.BytesIO(render_page(huge, 1, [], scale=2)))
    assert image.width * image.height < 26_000_000


def test_a_page_that_is_not_there_is_not_found():
    with pytest.raises(NotFound):
        render_page(make_pdf([ONE_LINE]), 2, [], scale=1)


def endless_pdf():
    """A page that takes days to draw: forms that draw forms twenty times, ten deep."""
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    bodies.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>")
    bodies.append(b"<</Length 5>>stream\n/X Do\nendstream")
    for depth in range(10):
        drawn = b"/X Do\n" * 20 if depth < 9 else b"0 0 500 700 re f\n" * 20
        used = b"/Resources<</XObject<</X %d 0 R>>>>" % (6 + depth) if depth < 9 else b""
        head = b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]%s/Length %d>>" % (used, len(drawn))
        bodies.append(head + b"stream\n" + drawn + b"endstream")
    objects = b"".join(b"%d 0 obj%s\nendobj\n" % (number, body) for number, body in enumerate(bodies, 1))
    return b"%PDF-1.4\n" + objects + b"trailer<</Root 1 0 R/Size 15>>\n%%EOF\n"


def test_a_page_that_takes_for_ever_is_given_up_and_the_next_one_is_drawn(tmp_path):
    hostile, sound = tmp_path / "hostile.pdf", tmp_path / "sound.pdf"
    hostile.write_bytes(endless_pdf())
    sound.write_bytes(make_pdf([ONE_LINE]))
    drawer = Drawer(Limits(wall_seconds=4, cpu_seconds=1))
    try:
        with pytest.raises(PaperRefused, match="Page 1 cannot be drawn") as refused:
            drawer.draw(hostile, 1, (), 1.0)
        assert refused.value.reason == Refusal.TOO_SLOW
        patient = Drawer(Limits(wall_seconds=60, cpu_seconds=30))
        boxes = [Box(1, 100, 90, 300, 104), Box(2, 0, 0, 9, 9)]
        assert patient.draw(sound, 1, boxes, 2.0) == render_page(sound, 1, boxes, scale=2)
        with pytest.raises(PaperRefused, match="no page 2"):
            patient.draw(sound, 2, (), 2.0)
        patient.close()
    finally:
        drawer.close()


def test_a_file_that_is_gone_is_refused_and_a_worker_that_was_killed_is_replaced(tmp_path):
    sound = tmp_path / "sound.pdf"
    drawer = Drawer()
    with pytest.raises(PaperRefused, match="cannot be opened"):
        drawer.draw(sound, 1, (), 1.0)
    sound.write_bytes(make_pdf([ONE_LINE]))
    first = drawer.draw(sound, 1, (), 1.0)
    os.kill(drawer.pid, signal.SIGKILL)
    os.waitid(os.P_PID, drawer.pid, os.WEXITED | os.WNOWAIT)
    assert drawer.draw(sound, 1, (), 1.0) == first
    drawer.close()
    assert drawer.pid == 0
