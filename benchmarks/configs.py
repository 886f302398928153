"""What becomes of config files that nobody would write, as `make run` and `make plan` read them.

Each is a sound config with a few changes, of what it says or how it is written: see
`tests/unit/support/generated_configs.py`. It must be accepted, or refused in lines that can be read, and
soon; an error of another kind is shown. `--examples N` makes so many, of a fixed seed.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.support.generated_configs import Outcome, config_files, outcome

SOON = 0.5


def main() -> None:
    """Print how many files were accepted, refused, neither, and slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="how many files")
    options = parser.parse_args()
    found: dict[bytes, Outcome] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "study.yaml")
        # The first pays for what is imported when it is needed.
        outcome(b"study: small\n", file)

        @settings(
            # Some come twice.
            max_examples=2 * options.examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(content=config_files())
        def collect(content: bytes) -> None:
            if len(found) < options.examples:
                found[content] = outcome(content, file)

        collect()
    counts = Counter(one.kind for one in found.values())
    wrong = {text: one for text, one in found.items() if one.kind not in ("accepted", "refused")}
    slow = sum(one.seconds > SOON for one in found.values())
    longest = max(one.seconds for one in found.values())
    print(
        f"{len(found)} different files: {counts['accepted']} accepted, {counts['refused']} refused"
    )
    print(f"{len(wrong)} ended in another error")
    print(f"{slow} took more than {SOON} s of processor time; the longest {longest:.2f} s")
    for content, one in list(wrong.items())[:5]:
        print(f"\n{one.kind}: {one.text[:200]}\n{content[:2000]!r}")


if __name__ == "__main__":
    main()
