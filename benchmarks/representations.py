"""What measures and maps make of representations that nobody would compare: few samples, dead units, any size.

See `tests/unit/support/generated_representations.py`: no error without a reason, no value out of its range,
none without a note where it is undefined, none that changes with what it does not change with. `--examples N`
makes so many pairs, of a fixed seed; what is wrong is counted, and shown for the fewest samples.
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.support.generated_representations import Given, pairs, problems


def main() -> None:
    """Print how many pairs were tried, and what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="how many pairs")
    options = parser.parse_args()
    tried, counts = 0, Counter[str]()
    shown: dict[str, tuple[str, Given]] = {}

    @settings(
        max_examples=options.examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(pair=pairs())
    def collect(pair: Given) -> None:
        nonlocal tried
        tried += 1
        for problem in problems(pair):
            kind = re.sub(r"-?\d[\d.e+-]*", "#", problem)
            counts[kind] += 1
            if kind not in shown or len(pair.x) < len(shown[kind][1].x):
                shown[kind] = problem, pair

    collect()
    print(f"{tried} pairs, {counts.total()} problems of {len(counts)} kinds")
    for kind, number in counts.most_common():
        problem, pair = shown[kind]
        shapes = " and ".join(f"{of.dtype}{of.shape}" for of in (pair.x, pair.y))
        print(f"{number} times: {problem}; {shapes}")


if __name__ == "__main__":
    main()
