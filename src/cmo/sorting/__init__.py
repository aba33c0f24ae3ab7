"""Telling what class a question is of, fast: the story (`sorter`), its cast (`cast`), its figures (`figures`)."""

from cmo.sorting.cast import Asking, OpenSorter, Shelves, counsel_of, open_sorter, opened_sorter, warm_up
from cmo.sorting.figures import advise, confidence, stats, told
from cmo.sorting.sorter import RESERVE_SECONDS, Sorter

__all__ = [
    "RESERVE_SECONDS",
    "Asking",
    "OpenSorter",
    "Shelves",
    "Sorter",
    "advise",
    "confidence",
    "counsel_of",
    "open_sorter",
    "opened_sorter",
    "stats",
    "told",
    "warm_up",
]
