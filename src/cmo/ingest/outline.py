"""The nesting of headings, and the section that a heading stands in."""

from __future__ import annotations

from cmo.ingest.sections import section_named
from cmo.model.papers import Section

_TELLING_WORDS = 4


class Outline:
    """Follows the headings of a document from top to bottom.

    A heading below one with a section stays in that section: "Results" within an abstract is abstract.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, Section]] = []
        self.heading = ""

    @property
    def section(self) -> Section:
        """Of the text that follows the last heading."""
        return self._open[-1][1] if self._open else Section.OTHER

    def enter(self, level: int, heading: str, said: Section | None = None) -> Section:
        """Open a heading of a level (1 is the highest) and say which section it stands in.

        `said` is the section by the file's own account, for a heading that names none. Below another heading a long
        one names nothing either: "Methods of milk feeding" is a subject, not a section.
        """
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        if self.section is Section.OTHER:
            telling = not self._open or len(heading.split()) <= _TELLING_WORDS
            named = section_named(heading) if telling else None
            self._open.append((level, named or said or Section.OTHER))
        else:
            self._open.append((level, self.section))
        self.heading = heading or self.heading
        return self.section

    def leave(self) -> None:
        """Close all headings."""
        self._open.clear()
        self.heading = ""
