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


@pytest.mark.parametrize(
    "text", ["at 12:30", "xPC 34:1", "PC 34:1:2", "PC 34:99", "ratio 1:2", "PC 0:0", "34:1", "PC(34:1"]
)
def test_other_ratios_are_no_lipids(text: str) -> None:
    assert species(text) == []


def test_a_species_is_one_of_its_sum_and_of_its_class() -> None:
    assert list(parents("PE O-16:0/20:4")) == ["PE O-36:4", "phosphatidylethanolamine"]
    assert list(parents("Cer 18:1;O2/16:0")) == ["Cer 34:1;O2", "ceramide"]
    assert list(parents("XX 1:0")) == []
