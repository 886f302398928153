"""`snakemake --report` carries the figures, each with its caption, category and label."""

import json
import re


def test_snakemakes_own_report_holds_every_figure(study):
    study.run("--report", "report.html")
    page = (study.folder / "report.html").read_text()
    results = json.loads(re.search(r"var results = (\{.*?\});?\n", page)[1])
    figures = {path.rsplit("/", 1)[1].removesuffix(".svg"): one for path, one in results.items()}
    captions = {path.stem for path in (study.folder / "report" / "captions").glob("*.rst")}
    assert set(figures) == captions
    for name, figure in figures.items():
        assert figure["caption"].startswith("<p><strong>")
        assert figure["labels"] == {"figure": name.replace("_", " ")}
        assert figure["data_uri"].startswith("data:image/svg+xml")
    categories = json.loads(re.search(r"var categories = (\{.*?\});?\n", page)[1])
    assert set(categories) == {
        "Adversarial transfer",
        "Geometry",
        "Input features",
        "Linear maps",
        "Models",
    }
