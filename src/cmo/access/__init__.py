"""Who may ask: keys, roles, sessions, and whether what was written down of them still stands."""

from cmo.access.keys import Minted, Why, mint, split, standing
from cmo.access.mark import Mark
from cmo.access.meter import Meter, Tries
from cmo.access.ring import KeyRing
from cmo.access.trail import Fault, verify
from cmo.access.warden import LOCAL, TOKEN, Mode, Rules, Shown, Warden

__all__ = [
    "LOCAL",
    "TOKEN",
    "Fault",
    "KeyRing",
    "Mark",
    "Meter",
    "Minted",
    "Mode",
    "Rules",
    "Shown",
    "Tries",
    "Warden",
    "Why",
    "mint",
    "split",
    "standing",
    "verify",
]
