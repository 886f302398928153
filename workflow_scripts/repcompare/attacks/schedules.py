"""How a search sets the length of its steps: the config's `attack.schedule`."""

from collections.abc import Callable

import torch

from repcompare.attacks.apgd import apgd
from repcompare.attacks.balls import Ball
from repcompare.attacks.pgd import Objective, Search, Trajectory, pgd
from repcompare.registry import known

SCHEDULES: dict[str, Callable[[Objective, torch.Tensor | None, Ball, Search], Trajectory]] = {
    # All of `step_size`.
    "constant": pgd,
    # Halved where they no longer climb, an image by itself.
    "adaptive": apgd,
}


def ascend(
    objective: Objective, start: torch.Tensor | None, ball: Ball, search: Search
) -> Trajectory:
    """Ascend the objective inside a ball, by the schedule of the search: see `pgd` and `apgd`.

    Raises ValueError for a schedule without a row in `SCHEDULES`.
    """
    return known(SCHEDULES, search.schedule, "attack.schedule")(objective, start, ball, search)
