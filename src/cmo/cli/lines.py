"""Questions that come a line each, from a file or from standard input."""

from __future__ import annotations

from typing import BinaryIO, Final

from cmo.errors import BadQuestion

MOST_LINES: Final = 100_000
MOST_BYTES: Final = 50_000_000


def lines_of(file: BinaryIO, source: str) -> list[tuple[int, str]]:
    """The lines that say something, with their numbers.

    Raises:
        BadQuestion: this is no text in UTF-8, or too much of it.
    """
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadQuestion(f"{source} holds more than {MOST_BYTES:,} bytes. Split it.")
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise BadQuestion(
            f"Line {number} of {source} is no UTF-8. Save it as UTF-8, a question on each line."
        ) from error
    said = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len(said) > MOST_LINES:
        raise BadQuestion(f"{source} holds {len(said):,} questions; at most {MOST_LINES:,} can be asked. Split it.")
    return said
