"""An attack that does not climb, grow or get there shows in the report's numbers."""

import numpy as np
import pandas as pd
import pytest
from unit.support.synthetic_tables import tables

from repcompare.tables.attack_checks import attack_checks, resisting


def test_attack_checks_count_the_models_whose_success_grew():
    attacks = tables(3, 2)["attacks"].sample(frac=1, random_state=0)
    # Models further apart than two strengths: only the same model's success is comparable.
    attacks["success_rate"] += attacks["model"].rank(method="dense")
    weaker = (attacks["model"] == "resnet20/seed1") & (attacks["epsilon_label"] == "8/255")
    attacks.loc[weaker & (attacks["attack"] == "pgd"), "success_rate"] = 0.1
    checks = attack_checks(attacks, tables(3, 2)["attack_steps"]).query("norm == 'linf'")
    assert list(checks["epsilon_label"]) == ["2/255", "4/255", "8/255", "16/255"]
    assert checks["grows"].tolist()[1:] == [6, 5, 6]
    assert checks["success_min"].iloc[2] == 0.1
    assert checks["largest"].to_numpy() == pytest.approx(checks["epsilon"].to_numpy())


def test_attack_checks_count_the_models_whose_objective_rose():
    study = tables(3, 2)
    steps = study["attack_steps"].sample(frac=1, random_state=0)
    sinking = (steps["model"] == "resnet20/seed1") & (steps["epsilon_label"] == "16/255")
    steps.loc[sinking, "objective"] *= -1
    checks = attack_checks(study["attacks"], steps).query("norm == 'linf'")
    # At the smallest epsilon the objective of these tables stands still.
    assert checks["climbs"].tolist() == [0, 6, 6, 5]
    assert checks["zero_gradients"].to_numpy() == pytest.approx(3 * 0.25 / 4)


def test_a_single_step_neither_climbs_nor_sinks():
    study = tables(2, 1)
    once = study["attack_steps"].query("step == 0")
    assert attack_checks(study["attacks"], once)["climbs"].isna().all()


def test_every_attack_has_checks_of_its_own_beside_the_same_noise():
    study = tables(2, 1)
    weaker = study["attacks"].query("attack == 'pgd'").assign(attack="fgsm")
    weaker["success_rate"] /= 2
    attacks = pd.concat([weaker, study["attacks"]])
    checks = attack_checks(attacks, study["attack_steps"]).set_index(["attack", "norm", "epsilon"])
    fgsm, pgd = checks.loc["fgsm"], checks.loc["pgd"]
    np.testing.assert_allclose(fgsm["success_mean"], pgd["success_mean"] / 2)
    np.testing.assert_allclose(fgsm["noise_mean"], pgd["noise_mean"])
    assert fgsm["zero_gradients"].isna().all()


def test_models_with_images_that_resist_to_the_end_are_counted():
    growth = resisting(tables(3, 1)["attack_growth"]).set_index("norm")
    assert growth["models"].tolist() == [3, 3]
    assert growth["reached"].tolist() == [2, 2]
    assert growth["success_min"].tolist() == [0.95, 0.95]
    assert growth.loc["linf", "largest"] == pytest.approx(16 / 255)
