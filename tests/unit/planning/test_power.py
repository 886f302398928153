"""What a plan says of the verdicts is what the findings say of the tables."""

import pytest
from unit.support.study_configs import config
from unit.support.synthetic_tables import decided, findings, tables

from repcompare.findings.rules import RULES
from repcompare.planning.power import POWER, Design, lacking, lines, nearest
from repcompare.study.config import validate


@pytest.mark.parametrize("size", [(1, 3), (2, 4), (3, 3), (4, 1), (4, 2)])
def test_a_design_lacks_beforehand_what_its_verdict_lacks(size):
    rows = decided(findings(tables(*size), permutations=99))
    for finding in RULES:
        lack = lacking(finding, [size[1]] * size[0])
        assert bool(lack) == bool(rows.loc[finding, "lacks"]), finding
        assert not lack or rows.loc[finding, "verdict"] == "inconclusive"


def test_the_nearest_design_counts_architectures_twice_and_unequal_seeds_by_their_harmonic_mean():
    designs = dict.fromkeys((Design(5, 3), Design(6, 4), Design(10, 3)), 0.5)
    assert nearest([3] * 5, designs) == Design(5, 3)
    assert nearest([3] * 9, designs) == Design(10, 3)
    assert nearest([4] * 7, designs) == Design(6, 4)
    assert nearest([6, 4, 3, 2, 2, 1], designs) == Design(6, 4)


def test_shares_grow_with_the_effect_and_with_the_architectures():
    assert POWER.keys() <= RULES.keys()
    for finding, effects in POWER.items():
        for effect in effects:
            shares = [effect.shares[design] for design in sorted(effect.shares)]
            assert shares == sorted(shares), (finding, effect.truth)
            assert 0 <= shares[0] <= shares[-1] <= 1
    weak, *_, strong = POWER["transfer"]
    assert all(weak.shares[design] < strong.shares[design] for design in weak.shares)


def test_every_finding_has_a_line():
    found = list(lines(validate(config(""))))
    assert [line.split(":")[0] for line in found] == list(RULES)
    assert "supported in 72 % of studies of 5 × 3 with" not in found[0]


def test_what_is_left_out_is_not_asked():
    found = dict(line.split(": ", 1) for line in lines(validate(config("attack: null"))))
    assert found["transfer"] == "not asked, attack left out"
    assert not found["retraining"].startswith("not asked")
