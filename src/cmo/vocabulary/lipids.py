"""Lipid shorthand: ``PC 34:1``, ``LysoPC(18:2)``, ``Cer(d18:1/16:0)``, ``PC aa C36:1``.

The names are set after Liebisch et al., "Update on LIPID MAPS classification, nomenclature, and shorthand notation",
J. Lipid Res. 2020: class, a space, chains; ``d18:1`` is ``18:1;O2``. A grammar of our own, because the field's library
needs more than a second to load and a millisecond a name; a test holds it against what that library (pygoslin 2.2.5)
makes of the same names. What papers seldom tell apart it does not either: places of double bonds, chains in unknown order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PREFIX = "LIPID:"
"""Begins the ids of species that no vocabulary has: ``LIPID:PC 34:1``."""
CLASSES = {
    "PC": "phosphatidylcholine",
    "PE": "phosphatidylethanolamine",
    "PS": "phosphatidylserine",
    "PI": "phosphatidylinositol",
    "PG": "phosphatidylglycerol",
    "PA": "phosphatidic acid",
    "LPC": "lysophosphatidylcholine",
    "LPE": "lysophosphatidylethanolamine",
    "LPS": "lysophosphatidylserine",
    "LPI": "lysophosphatidylinositol",
    "LPG": "lysophosphatidylglycerol",
    "LPA": "lysophosphatidic acid",
    "SM": "sphingomyelin",
    "Cer": "ceramide",
    "HexCer": "hexosylceramide",
    "Hex2Cer": "dihexosylceramide",
    "GlcCer": "glucosylceramide",
    "GalCer": "galactosylceramide",
    "LacCer": "lactosylceramide",
    "TG": "triglyceride",
    "DG": "diglyceride",
    "MG": "monoglyceride",
    "CE": "cholesteryl ester",
    "FA": "fatty acid",
    "CL": "cardiolipin",
    "BMP": "bis(monoacylglycero)phosphate",
    "CAR": "acylcarnitine",
}
"""Class to a name by which vocabularies know it."""
_OTHER_NAMES = {
    **{f"{lyso}P{head}": f"LP{head}" for lyso in ("Lyso", "lyso", "Lyso-", "lyso-", "Lyso ", "lyso ") for head in "CESIGA"},
    "TAG": "TG", "DAG": "DG", "MAG": "MG", "ChE": "CE", "CholE": "CE", "FFA": "FA", "Ceramide": "Cer",
    "ceramide": "Cer", "AC": "CAR", "AcCa": "CAR", "SPH": "SM",
}  # fmt: skip
_HYDROXYLS = {"m": 1, "d": 2, "t": 3}
_SPHINGOID = {"SM", "Cer", "HexCer", "Hex2Cer", "GlcCer", "GalCer", "LacCer"}
_MOST_CARBONS, _MOST_BONDS = 120, 40
_CHAIN = (
    r"(?P<link{0}>[OP]-|[mdt])?C?(?P<carbons{0}>\d{{1,3}}):(?P<bonds{0}>\d{{1,2}})"
    r"(?:\((?:\d+[ZE],?)+\))?(?P<oxygens{0}>;O\d?|;\dO?)?"
)
_NAMES = sorted((*CLASSES, *_OTHER_NAMES), key=len, reverse=True)
_SPECIES = re.compile(
    rf"(?<![\w-])(?P<head>{'|'.join(map(re.escape, _NAMES))})[ -]?(?:(?P<ester>aa|ae|a|e)[ -])?(?P<open>\(?)"
    + _CHAIN.format(1)
    + "".join(rf"(?:[/_]{_CHAIN.format(n)})?" for n in (2, 3, 4))
    + r"(?(open)\)?)(?![\w:])"
)
_MAYBE = re.compile(r"\d:\d")


@dataclass(frozen=True, slots=True)
class Species:
    """A lipid as its shorthand names it."""

    start: int
    end: int
    head: str
    """Its class, of `CLASSES`."""
    chains: tuple[str, ...]

    @property
    def name(self) -> str:
        """``Cer 18:1;O2/16:0``."""
        return f"{self.head} {'/'.join(self.chains)}"


def species(text: str) -> list[Species]:
    """The shorthand names in a text, in its order."""
    if not _MAYBE.search(text):
        return []
    return [found for match in _SPECIES.finditer(text) if (found := _species(match))]


def parents(name: str) -> Iterator[str]:
    """Names of what a species is one of, from near to far: its sum composition, then its class.

    Args:
        name: as `Species.name` writes it.
    """
    head, _, chains = name.partition(" ")
    parts = chains.split("/")
    if len(parts) > 1:
        yield f"{head} {_sum(parts)}"
    if head in CLASSES:
        yield CLASSES[head]


def _species(match: re.Match[str]) -> Species | None:
    head = _OTHER_NAMES.get(match["head"], match["head"])
    chains = []
    for n in range(1, 5):
        carbons, bonds = match[f"carbons{n}"], match[f"bonds{n}"]
        if carbons is None:
            break
        if not 1 <= int(carbons) <= _MOST_CARBONS or int(bonds) > min(_MOST_BONDS, int(carbons) // 2):
            return None
        chains.append(_chain(match, n, head))
    if match["open"] and match.group()[-1] != ")":
        return None
    return Species(match.start(), match.end(), head, tuple(chains))


def _chain(match: re.Match[str], n: int, head: str) -> str:
    link, oxygens = match[f"link{n}"] or "", match[f"oxygens{n}"] or ""
    if n == 1 and match["ester"] in {"ae", "e"}:
        link = "O-"
    if link in _HYDROXYLS:
        count = _HYDROXYLS[link]
        if head in _SPHINGOID:
            oxygens = f";O{count}" if count > 1 else ";O"
        link = ""
    return f"{link}{int(match[f'carbons{n}'])}:{int(match[f'bonds{n}'])}{oxygens}"


def _sum(chains: list[str]) -> str:
    carbons, bonds, link, tail = 0, 0, "", ""
    for chain in chains:
        body, semicolon, oxygens = chain.partition(";")
        if body[:2] in {"O-", "P-"}:
            link, body = body[:2], body[2:]
        tail = tail or semicolon + oxygens
        carbons += int(body.partition(":")[0])
        bonds += int(body.partition(":")[2])
    return f"{link}{carbons}:{bonds}{tail}"
