"""Kept answers: keys, and tiers in memory, on disk and shared between machines. What is kept is bytes, never code."""

from cmo.cache.disk import Disk
from cmo.cache.era import Era
from cmo.cache.file import CacheFile
from cmo.cache.keys import Basis, Key, key_of
from cmo.cache.memory import Memory
from cmo.cache.span import Span
from cmo.cache.tier import Lenient
from cmo.cache.tiers import Hit, Made, Statistics, Tiers
from cmo.cache.warm import Warmed, warm

__all__ = [
    "Basis", "CacheFile", "Disk", "Era", "Hit", "Key", "Lenient", "Made", "Memory", "Span", "Statistics", "Tiers", "Warmed",
    "key_of", "warm",
]  # fmt: skip
