import pytest

from cmo.vocabulary.lipids import parents, species


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("PC 34:1", "PC 34:1"),
        ("PC(34:1)", "PC 34:1"),
        ("PC aa C36:1", "PC 36:1"),
        ("PC ae C40:6", "PC O-40:6"),
        ("LysoPC(18:2)", "LPC 18:2"),
        ("lysoPC a C18:2", "LPC 18:2"),
        ("Cer(d18:1/16:0)", "Cer 18:1;O2/16:0"),
        ("SM(d18:1/24:0)", "SM 18:1;O2/24:0"),
        ("PC(16:0/18:1(9Z))", "PC 16:0/18:1"),
        ("PE(P-18:0/20:4)", "PE P-18:0/20:4"),
        ("TAG 52:2", "TG 52:2"),
        ("DAG(16:0_18:1)", "DG 16:0/18:1"),
    ],
)
def test_shorthand_is_set_in_one_way(printed: str, name: str) -> None:
    text = f"Levels of {printed} fell."
    (found,) = species(text)
    assert found.name == name
    assert text[found.start : found.end] == printed


# What pygoslin 2.2.5 (Kopczynski et al., Anal. Chem. 2020) makes of names as they are printed: the name, and that of the
# species. Its own ways are left out: CE 18:2 is SE 27:1/18:2 to it, and plasmenyl sums count the vinyl's double bond.
GOSLIN = """
PC 34:1|PC 34:1|PC 34:1
PC(16:0/18:1)|PC 16:0/18:1|PC 34:1
PC O-34:1|PC O-34:1|PC O-34:1
PC(O-16:0/18:1)|PC O-16:0/18:1|PC O-34:1
LysoPC(18:2)|LPC 18:2|LPC 18:2
LPC O-16:0|LPC O-16:0|LPC O-16:0
LPE 20:4|LPE 20:4|LPE 20:4
Cer 34:1;O2|Cer 34:1;O2|Cer 34:1;O2
Cer(d18:1/16:0)|Cer 18:1;O2/16:0|Cer 34:1;O2
Cer(d18:0/24:1)|Cer 18:0;O2/24:1|Cer 42:1;O2
SM(d18:1/24:0)|SM 18:1;O2/24:0|SM 42:1;O2
SM d18:1/16:0|SM 18:1;O2/16:0|SM 34:1;O2
HexCer(d18:1/16:0)|HexCer 18:1;O2/16:0|HexCer 34:1;O2
GlcCer(d18:1/16:0)|GlcCer 18:1;O2/16:0|GlcCer 34:1;O2
LacCer(d18:1/16:0)|LacCer 18:1;O2/16:0|LacCer 34:1;O2
TAG 52:2|TG 52:2|TG 52:2
TG(16:0/18:1/18:2)|TG 16:0/18:1/18:2|TG 52:3
DG 34:1|DG 34:1|DG 34:1
FA(18:2)|FA 18:2|FA 18:2
PI(18:0/20:4)|PI 18:0/20:4|PI 38:4
PE(16:0/22:6)|PE 16:0/22:6|PE 38:6
PS 36:1|PS 36:1|PS 36:1
CL 72:8|CL 72:8|CL 72:8
BMP 36:2|BMP 36:2|BMP 36:2
CAR 16:0|CAR 16:0|CAR 16:0
"""


@pytest.mark.parametrize("line", GOSLIN.split("\n")[1:-1])
def test_names_and_sums_are_those_of_the_fields_own_library(line: str) -> None:
    printed, name, total = line.split("|")
    (found,) = species(printed)
    assert found.name == name
    assert total in {name, next(parents(name))}


@pytest.mark.parametrize(
    "text", ["at 12:30", "xPC 34:1", "PC 34:1:2", "PC 34:99", "ratio 1:2", "PC 0:0", "34:1", "PC(34:1"]
)
def test_other_ratios_are_no_lipids(text: str) -> None:
    assert species(text) == []


def test_a_species_is_one_of_its_sum_and_of_its_class() -> None:
    assert list(parents("PE O-16:0/20:4")) == ["PE O-36:4", "phosphatidylethanolamine"]
    assert list(parents("Cer 18:1;O2/16:0")) == ["Cer 34:1;O2", "ceramide"]
    assert list(parents("XX 1:0")) == []
