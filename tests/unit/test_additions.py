"""What CONTRIBUTING.md says an addition touches is enough: each is made in a copy of the library."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def library(tmp_path):
    """A copy of the library, to add to; and what was touched."""
    return Copy(Path(shutil.copytree(ROOT / "workflow_scripts", tmp_path / "workflow_scripts")))


class Copy:
    def __init__(self, scripts):
        self.scripts, self.touched = scripts, set()

    def write(self, file, text):
        self.touched.add(file)
        (self.scripts / "repcompare" / file).write_text(text, encoding="utf-8")

    def edit(self, file, before, after):
        """Put `after` behind the only place where `before` stands."""
        text = (self.scripts / "repcompare" / file).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {file}"
        self.write(file, text.replace(before, before + after))

    def run(self, code):
        environment = os.environ | {"PYTHONPATH": str(self.scripts), "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def listed(kind) -> set[str]:
    """The files of the library that CONTRIBUTING.md lists for an addition."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {kind} \|.*$", text, re.MULTILINE)
    return set(re.findall(r"`([\w/{}.]+\.(?:py|rst|json|html\.j2))`", row))


def test_a_family_of_architectures_is_one_file(library):
    family = (ROOT / "workflow_scripts/repcompare/architectures/vgg.py").read_text(encoding="utf-8")
    library.write("architectures/vgg_again.py", family.replace("def vgg(", "def vgg_again("))
    library.run(
        "from repcompare import architectures\n"
        "assert 'vgg_again' in architectures.available()\n"
        "network = architectures.build('vgg_again', {'width': 4, 'stages': 2}, 1, 10, seed=0)\n"
        "assert network.classifier.out_features == 10\n"
    )
    assert listed("a family of architectures") == {"architectures/{family}.py"}


def test_a_measure_is_a_function_a_row_and_a_name(library):
    library.edit(
        "geometry/measures.py",
        "Result = tuple[float, str]\n",
        '\n\ndef width_ratio(pair: Pair) -> Result:\n    """Of the widths."""\n'
        "    return min(pair.a.width, pair.b.width) / max(pair.a.width, pair.b.width), ''\n",
    )
    library.edit(
        "geometry/catalogue.py",
        "    for measure in (\n",
        '        Measure("width_ratio", measures.width_ratio, "", LINEAR, (0, 1), "moments"),\n',
    )
    library.edit(
        "vocabulary.py", "GEOMETRY_MEASURES = {\n", '    "width_ratio": MeasureName("widths"),\n'
    )
    library.run(
        "import numpy as np, repcompare\n"
        "from repcompare.study.schema import study_schema\n"
        "from repcompare.tables.schema import TABLES\n"
        "x = np.random.default_rng(0).normal(size=(50, 6))\n"
        "table = repcompare.compare(x, x[:, :3], measures='width_ratio')\n"
        "assert table['value'].item() == 0.5 and table['label'].item() == 'widths'\n"
        "measures = study_schema()['properties']['geometry']['properties']['measures']\n"
        "assert 'width_ratio' in measures['items']['enum'] and 'width_ratio' in measures['default']\n"
    )
    assert library.touched == listed("a measure of geometry")


def test_a_family_of_maps_is_a_function_a_row_and_a_name(library):
    library.edit(
        "maps/families.py",
        "FAMILIES: dict[str, Callable[[MapProblem], AffineMap]] = {\n",
        '    "again": lambda problem: least_squares(problem),\n',
    )
    library.edit("vocabulary.py", "MAP_FAMILIES = {\n", '    "again": "least squares again",\n')
    library.run(
        "import numpy as np, repcompare\n"
        "from repcompare.study.schema import study_schema\n"
        "x = np.random.default_rng(0).normal(size=(50, 6))\n"
        "mapping = repcompare.fit_map(x, 2 * x, family='again')\n"
        "assert np.allclose(mapping.predict(x), 2 * x)\n"
        "families = study_schema()['properties']['maps']['properties']['families']\n"
        "assert 'again' in families['items']['enum']\n"
    )
    assert library.touched == listed("a family of maps")


def test_a_norm_is_a_ball_its_row_a_name_and_a_key(library):
    library.edit(
        "attacks/balls.py",
        "        return change.square().sum(dim=(1, 2, 3), dtype=torch.float64) > self._bound(2)\n",
        '\n\nclass HalfBall(LinfBall):\n    norm: ClassVar[str] = "half"\n',
    )
    library.edit("attacks/balls.py", "for ball in (LinfBall, L2Ball", ", HalfBall")
    library.edit("vocabulary.py", "NORMS = {", '"half": "half", ')
    library.edit(
        "study/schema.json",
        '            "linf": {"$ref": "#/$defs/epsilons"},\n',
        '            "half": {"$ref": "#/$defs/epsilons"},\n',
    )
    library.run(
        "import torch, repcompare\n"
        "from repcompare.study.schema import study_schema\n"
        "network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))\n"
        "images = torch.full((3, 1, 2, 2), 0.5)\n"
        "found = repcompare.attack(network, images, [0, 1, 0], norm='half', epsilon=0.1)\n"
        "assert 0 < (found - images).abs().max() <= 0.1 + 1e-6\n"
        "assert 'half' in study_schema()['$defs']['adversarial']['properties']['norm']['enum']\n"
    )
    assert library.touched == listed("a norm of attacks")


def test_an_option_of_the_attack_is_a_function_its_row_and_a_key(library):
    library.edit(
        "attacks/pgd.py",
        "OBJECTIVES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {\n",
        '    "logit": lambda logits, classes: -logits.gather(1, classes[:, None])[:, 0],\n',
    )
    library.edit("study/schema.json", '"enum": ["cross_entropy", "margin"', ', "logit"')
    library.run(
        "import torch\n"
        "from repcompare.attacks.balls import LinfBall\n"
        "from repcompare.attacks.pgd import Search, attack_objective, pgd\n"
        "from repcompare.study.schema import study_schema\n"
        "network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))\n"
        "images, classes = torch.full((3, 1, 2, 2), 0.5), torch.zeros(3, dtype=torch.long)\n"
        "settings = Search(1, 1.0, random_start=False, objective='logit')\n"
        "objective = attack_objective(network, images, classes, settings, 'float32')\n"
        "found = pgd(objective, None, LinfBall(0.1), settings).perturbation\n"
        "assert torch.equal(found[0, 0] > 0, network[1].weight[0].view(2, 2) < 0)\n"
        "keys = study_schema()['properties']['attack']['properties']\n"
        "assert 'logit' in keys['objective']['enum']\n"
    )
    assert library.touched < listed("an option of the attack")


def test_a_figure_is_a_function_a_row_and_a_caption(library):
    library.edit(
        "figures/accuracies.py",
        "@styled\n",
        "def widths(models: pd.DataFrame) -> Figure:\n"
        '    """The width of every model."""\n'
        "    figure = Figure()\n"
        "    figure.subplots().plot(models['representation_width'])\n"
        "    return figure\n\n\n@styled\n",
    )
    library.edit(
        "figures/registry.py",
        "FIGURES = {\n",
        '    "widths": Drawn("Models", "accuracies", ("models",)),\n',
    )
    library.write("report/captions/widths.rst", "**Widths.** Of all models.\n")
    library.run(
        "import pandas as pd\n"
        "from repcompare.report.page import PAGE, unplaced\n"
        "from repcompare.stages.draw_figures import drawn\n"
        "figure = drawn('widths', {'models': pd.DataFrame({'representation_width': [4, 8]})})\n"
        "assert figure.axes[0].lines\n"
        "template = (PAGE / 'template.html.j2').read_text(encoding='utf-8')\n"
        "assert unplaced(template) == {'widths': 'Models'}\n"
    )
    assert {"figures/registry.py"} | listed("a figure") < library.touched
    assert len(library.touched) == 3
