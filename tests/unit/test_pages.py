"""Pages for papers that are text: where a sentence stands, and how the page looks."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cmo.errors import NotFound
from cmo.ingest.pages import COLUMNS, HEIGHT, LINES_PER_PAGE, MARGIN, WIDTH, Setting
from cmo.ingest.text_image import HIGHLIGHT, render_text_page

texts = st.text(st.sampled_from("ab \nβ"), max_size=3_000)


@given(texts)
def test_every_visible_character_is_on_one_line_that_fits(text: str) -> None:
    lines = Setting(text).lines
    assert all(line.end - line.start <= COLUMNS for line in lines)
    printed = "".join(text[line.start : line.end] for line in lines)
    assert printed.replace(" ", "") == text.replace("\n", "").replace(" ", "")


@given(texts, st.data())
def test_boxes_lie_on_their_pages_within_the_margins(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    setting = Setting(text)
    boxes = setting.boxes(start, end)
    assert bool(boxes) or not text[start:end].strip()
    assert list(boxes) == sorted(boxes, key=lambda b: (b.page, b.y0))
    for box in boxes:
        assert box.page in {p.number for p in setting.pages}
        assert MARGIN <= box.x0 < box.x1 <= WIDTH - MARGIN
        assert MARGIN <= box.y0 < box.y1 <= HEIGHT - MARGIN


def test_words_are_not_broken_unless_they_must_be() -> None:
    text = "word " * 40 + "x" * (COLUMNS + 5)
    printed = [text[line.start : line.end] for line in Setting(text).lines]
    assert all(set(line.split()) == {"word"} for line in printed[:3])
    assert printed[-2:] == ["x" * COLUMNS, "x" * 5]


def test_a_sentence_over_a_page_break_has_boxes_on_both() -> None:
    text = "\n" * (LINES_PER_PAGE - 1) + "word " * 30
    assert {box.page for box in Setting(text).boxes(0, len(text))} == {1, 2}


def test_the_drawn_page_shows_ink_within_the_highlight() -> None:
    text = "Nothing here.\n\nThe level of β-alanine → 5 µM."
    boxes = Setting(text).boxes(text.index("The"), len(text))
    image = Image.open(io.BytesIO(render_text_page(text, 1, boxes, scale=2))).convert("RGB")
    assert image.size == (WIDTH * 2, HEIGHT * 2)
    region = image.crop(tuple(int(v * 2) for v in (boxes[0].x0 + 1, boxes[0].y0 + 1, boxes[0].x1 - 1, boxes[0].y1 - 1)))
    colours = {colour for _, colour in region.getcolors(10_000)}
    assert region.getpixel((0, 0)) == HIGHLIGHT
    assert any(sum(colour) < 200 for colour in colours)
    above = image.crop((0, 0, image.width, int(boxes[0].y0 * 2) - 2))
    assert HIGHLIGHT not in {colour for _, colour in above.getcolors(10_000)}


@pytest.mark.parametrize("sign", "αβγδμµΔΩ→←↑↓±≤≥≈×·–—′²³⁻₂éöł√∞‰")
def test_the_signs_of_the_trade_are_drawn(sign: str) -> None:
    missing = render_text_page("\U0010fffe", 1, scale=1)
    assert render_text_page(sign, 1, scale=1) not in {missing, render_text_page(" ", 1, scale=1)}


@pytest.mark.parametrize("page", [0, 2])
def test_a_page_that_is_not_there_is_not_found(page: int) -> None:
    with pytest.raises(NotFound):
        render_text_page("text", page)


@pytest.mark.parametrize("scale", [0.0, -1.0, 100.0])
def test_an_absurd_scale_is_an_error(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        render_text_page("text", 1, scale=scale)
