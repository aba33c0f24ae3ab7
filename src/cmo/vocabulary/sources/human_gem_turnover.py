"""Which substrate becomes which product: what only carries energy, electrons or groups is left out.

A pair of carriers is left out only if it stands on both sides of a reaction and something else is left on both:
``glutamate + pyruvate => alanine + AKG`` is pyruvate to alanine, but ``glutamate => AKG + NH3`` is glutamate to AKG.
Numbers are those of Human-GEM's metabolites without compartment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST_PAIRS = 4
"""Reactions that turn more over than this, such as the synthesis of a protein, say nothing of single metabolites."""
SMALL = frozenset({
    "MAM02040", "MAM02039", "MAM02630", "MAM02041", "MAM01596", "MAM02046", "MAM02751", "MAM02759", "MAM02578",
    "MAM02579", "MAM02519", "MAM02200", "MAM01442", "MAM02631", "MAM01821", "MAM01822",
})  # fmt: skip
"""H2O, H+, O2, H2O2, CO2, HCO3-, Pi, PPi, NH3, NH4+, Na+, K+, chloride, O2-, Fe2+, Fe3+."""
CARRIERS = (
    ("MAM01371", "MAM01285"), ("MAM01371", "MAM01334"), ("MAM01285", "MAM01334"), ("MAM02034", "MAM01948"),
    ("MAM02552", "MAM02553"), ("MAM02554", "MAM02555"), ("MAM01802", "MAM01803"), ("MAM03103", "MAM03102"),
    ("MAM01824", "MAM01826"), ("MAM02877", "MAM02871"), ("MAM02682", "MAM02681"), ("MAM03109", "MAM03106"),
    ("MAM03108", "MAM03106"), ("MAM03107", "MAM03106"), ("MAM03111", "MAM03106"), ("MAM01261", "MAM01597"),
    ("MAM01974", "MAM01306"), ("MAM01975", "MAM01974"), ("MAM02026", "MAM02027"), ("MAM02990", "MAM02666"),
    ("MAM02978", "MAM00965"), ("MAM02978", "MAM01698"), ("MAM02978", "MAM02823"),
)  # fmt: skip
"""ATP and ADP, ATP and AMP, ADP and AMP, GTP and GDP, NAD+ and NADH, NADP+ and NADPH, FAD and FADH2, ubiquinone and
ubiquinol, ferri- and ferrocytochrome C, SAM and SAH, PAPS and PAP, UDP with glucuronate, glucose, galactose and
N-acetylglucosamine, acetyl-CoA and CoA, glutamate and AKG, glutamine and glutamate, GSH and GSSG, thioredoxins, biopterins."""
ALONE = ("MAM01597", "MAM01371", "MAM01285")
"""CoA, ATP, ADP: what is left over where their partner is bound in a product."""


def main_pairs(substrates: Sequence[str], products: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Substrate and product of each turnover; none where too much is turned over at once."""
    left = [m for m in substrates if m not in SMALL and m not in products]
    right = [m for m in products if m not in SMALL and m not in substrates]
    for one, other in CARRIERS:
        for here, there in ((left, right), (right, left)):
            if one in here and other in there and len(here) > 1 and len(there) > 1:
                here.remove(one)
                there.remove(other)
    for carrier in ALONE:
        for side in (left, right):
            if carrier in side and len(side) > 1:
                side.remove(carrier)
    if len(left) * len(right) <= MOST_PAIRS:
        yield from ((substrate, product) for substrate in left for product in right)
