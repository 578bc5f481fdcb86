"""The published references, as the findings use them."""

from vct.validation.references import AUTOPET_ORGANS
from vct.validation.run import organ_references


def test_each_value_has_one_primary_reference():
    df = organ_references()
    primary = df[df["primary"]]
    assert not primary.duplicated(["organ", "quantity", "sex"]).any()
    assert len(primary) == len(df.drop_duplicates(["organ", "quantity", "sex"]))


def test_autopet_is_primary_for_its_organs():
    primary = organ_references().query("primary").set_index("organ")["source"]
    autopet = primary[primary.str.startswith("AutoPET")]
    assert set(autopet.index) == AUTOPET_ORGANS
