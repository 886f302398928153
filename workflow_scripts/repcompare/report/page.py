"""The report: one HTML page that needs nothing beside itself."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from repcompare.figures.registry import FIGURES
from repcompare.findings.rules import RULES
from repcompare.report import findings
from repcompare.report.cells import heatmap_cells
from repcompare.report.columns import MISSING
from repcompare.report.html import environment, policy
from repcompare.report.svg import inline
from repcompare.report.tables import complete_tables, section_tables
from repcompare.report.verdicts import verdicts
from repcompare.transfer.reference import Strength, reference_attack
from repcompare.vocabulary import label_of

# Where the page's template, its style and script, and the figures' captions are kept.
PAGE = Path(__file__).parent


@dataclass(frozen=True)
class Figure:
    """A figure for the page: an SVG document as text, its title, and what to read from it."""

    svg: str
    title: str
    caption: str


def render_report(
    template: Path,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Figure],
    study: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """The page as HTML.

    Args:
        template: the Jinja2 template.
        tables: `models` and `findings`, and what the study asks for of `controls`, `maps`,
            `class_accuracies`, `transfer`, `pairs`, `attacks`, `features`, `attack_steps`,
            `attack_growth` and `nonrobust`, as in the CSV files; `layers_geometry` as geometry.csv,
            `geometry` as `tables.geometry.similarities` reads that; and `costs` as
            `costs.read_costs` gives it.
        figures: by name; the template places those it knows and leaves out those that are absent.
        study: `config` (the validated config) and `dataset`: `class_names`, `image_shape`
            (C, H, W), None without images, and `samples`, the number of images by split.
        provenance: `config_yaml` (text), `command` (text), `versions` and `digests` (both name to
            text).

    Raises:
        jinja2.UndefinedError: the template asks for something that is not there.
        SvgError: a figure's file is no figure of this workflow.
    """
    template = Path(template)
    attack = reference_attack(tables["transfer"]) if "transfer" in tables else None
    drawn, rules = inlined(figures)
    style = (PAGE / "page.css").read_text(encoding="utf-8") + rules
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    return (
        environment(template.parent)
        .get_template(template.name)
        .render(
            policy=policy(style, script),
            style=Markup(style),
            script=Markup(script),
            title=title(study["config"]),
            summary=summary(tables["models"], study),
            asked=set(tables),
            verdicts=verdicts(tables["findings"]),
            findings=told(tables, attack),
            figures=drawn,
            tables=section_tables(tables, attack, study["dataset"]["class_names"]),
            complete=complete_tables(tables),
            unplaced=unplaced(template.read_text(encoding="utf-8")),
            cells={
                name: found
                for name, found in heatmap_cells(tables, attack).items()
                if name in figures
            },
            strength=strength(attack),
            probe=(study["config"]["features"] or {"samples": 0})["samples"],
            isotropic=f"{1 / math.sqrt(math.prod(study['dataset']['image_shape'] or (1,))):.3f}",
            total_seconds=float(tables["costs"]["seconds"].sum()),
            provenance=provenance,
        )
    )


def told(tables: Mapping[str, pd.DataFrame], attack: Strength | None) -> list[findings.Finding]:
    """The findings that the study asks for, with the numbers that bear on them."""
    found = []
    if "maps" in tables:
        found.append(findings.linear(tables["maps"], tables["controls"]))
    if "geometry" in tables:
        geometry = tables["geometry"]
        found += [findings.retraining(geometry), findings.exception(geometry)]
        if "transfer" in tables:
            rates = tables["transfer"]
            found.append(findings.transfer(geometry, rates, attack, strength(attack)))
    return found


def unplaced(template: str) -> dict[str, str]:
    """The section of every figure of the registry that neither the template nor a finding places."""
    placed = set(re.findall(r'show\("(\w+)"\)', template))
    placed |= {rule.figure for rule in RULES.values()}
    return {name: row.section for name, row in FIGURES.items() if name not in placed}


def title(config: Mapping[str, Any]) -> str:
    """The configured title, else the question and the study's name."""
    chosen = config.get("report", {}).get("title")
    return chosen or f"{config['study']}: do different networks learn the same thing?"


def summary(models: pd.DataFrame, study: Mapping[str, Any]) -> str:
    """The study in a few words: data, models, accuracies."""
    dataset, counts = study["dataset"], models["architecture"].value_counts()
    shape, classes = dataset["image_shape"], dataset["class_names"]
    what = [plural(len(classes), "class") if classes else "no labels"]
    if shape:
        what.append(f"images of {'×'.join(map(str, shape))}")
    images = ", ".join(f"{split} {count}" for split, count in dataset["samples"].items())
    lowest, highest = counts.min(), counts.max()
    seeds = plural(lowest, "seed") if lowest == highest else f"{lowest} to {highest} seeds"
    accuracies = 100 * models["test_accuracy"].dropna()
    accuracy = ""
    if len(accuracies):
        ends = dict.fromkeys(f"{end:.1f}" for end in (accuracies.min(), accuracies.max()))
        accuracy = f"; test accuracy {' to '.join(ends)}\u00a0%"
    return (
        f"{study['config']['data']['name']} ({', '.join(what)}: {images}); "
        f"{plural(len(counts), 'architecture')} × {seeds}, {plural(len(models), 'model')}{accuracy}."
    )


def plural(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`, `10 classes`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"


def strength(attack: Strength | None) -> str:
    """The strength of the attack, as it is written in text."""
    if attack is None:
        return MISSING
    return f"{label_of(attack.norm)}, ε\u00a0=\u00a0{attack.epsilon_label}"


def read_figures(svgs: Iterable[str | Path], captions: Iterable[str | Path]) -> dict[str, Figure]:
    """Pair SVG files with the captions of the same name: `cka.svg` with `cka.rst`.

    A caption begins with its title between double asterisks; what follows is plain text.

    Raises:
        ValueError: a figure has no caption, or a caption no title.
    """
    texts = {path.stem: path.read_text(encoding="utf-8") for path in map(Path, captions)}
    figures = {}
    for path in map(Path, svgs):
        if path.stem not in texts:
            raise ValueError(f"{path} has no caption named {path.stem}.rst")
        match = re.fullmatch(r"\s*\*\*(.+?)\.?\*\*\s*(.*?)\s*", texts[path.stem], re.DOTALL)
        if match is None:
            raise ValueError(f"the caption of {path.stem} does not begin with a **title**")
        heading, caption = (" ".join(part.split()) for part in match.groups())
        # A line must not begin with the sign of the number that ends the line above.
        figures[path.stem] = Figure(
            path.read_text(encoding="utf-8"), heading, caption.replace(" %", "\u00a0%")
        )
    return figures


def inlined(figures: Mapping[str, Figure]) -> tuple[dict[str, dict[str, Any]], str]:
    """What the template shows of each figure, and the rules of the style sheet that say how wide each is.

    Raises SvgError for a file that is no figure of this workflow.
    """
    shown, rules = {}, []
    for name, figure in figures.items():
        svg, width = inline(figure.svg, name, figure.title)
        shown[name] = {"svg": Markup(svg), "title": figure.title, "caption": figure.caption}
        if width:
            rules.append(f"#figure-{name} svg {{ --natural: {width:.0f}px; }}\n")
    return shown, "".join(rules)
