import atexit
import time

from repcompare.figures.registry import FIGURES
from repcompare.study.conclusion import conclusion
from repcompare.study.running import BusyError

STARTED = time.monotonic()

# A study that lacks what a figure is about does not draw it.
ANSWERS = study_config.answering(STUDY)
ABSENT = {
    "accuracies": not ANSWERS,
    "stitched_accuracy": not ANSWERS,
    "similarity_by_layer": not set(STUDY["activations"]["layers"]) - {"penultimate"},
    "layer_similarity": not section("geometry").get("layer_pairs"),
    "specifications": not {"maps", "geometry"} & set(TABLES),
}
DRAWN = {
    name: row
    for name, row in FIGURES.items()
    if row.needs.issubset({*TABLES, "specifications"}) and not ABSENT.get(name)
}
EXAMPLES = "adversarial_examples"
GALLERY = "feature_gallery"


rule draw_figures:
    input:
        *digests(rules.summarise.output),
        *digests(rules.judge_findings.output),
        **{name: path for name, path in rules.summarise.output.items() if name != "pairs"},
        specifications=rules.judge_findings.output.specifications,
    output:
        svg=[in_report(name, row.section) for name, row in DRAWN.items()],
        png=[f"{RESULTS}/figures/{name}.png" for name in DRAWN],
    log:
        f"{LOGS}/draw_figures.log",
    benchmark:
        local(f"{BENCHMARKS}/draw_figures/figures.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_figures"),
        runtime=minutes("draw_figures"),
    params:
        settings=stage_settings(
            "draw_figures.py",
            *sorted({f"repcompare.figures.{row.module}" for row in DRAWN.values()}),
        ),
    message:
        "Drawing the figures"
    script:
        "../workflow_scripts/draw_figures.py"


rule draw_adversarial_examples:
    input:
        *digests(rules.summarise.output),
        dataset=DATASET,
        transfer=rules.summarise.output.get("transfer", []),
        adversarial=first_models(rules.attack.output.adversarial, "attack"),
    output:
        svg=in_report(EXAMPLES, "Adversarial transfer"),
        png=f"{RESULTS}/figures/{EXAMPLES}.png",
    log:
        f"{LOGS}/draw_adversarial_examples.log",
    benchmark:
        local(f"{BENCHMARKS}/draw_adversarial_examples/figure.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_adversarial_examples"),
        runtime=minutes("draw_adversarial_examples"),
    params:
        settings=stage_settings(
            "draw_adversarial_examples.py",
            examples=STUDY["report"]["examples"],
            **made_by("adversarial"),
        ),
    message:
        "Drawing adversarial examples"
    script:
        "../workflow_scripts/draw_adversarial_examples.py"


rule draw_feature_gallery:
    input:
        dataset=DATASET,
        features=first_models(rules.extract_features.output.features, "features"),
    output:
        svg=in_report(GALLERY, "Input features"),
        png=f"{RESULTS}/figures/{GALLERY}.png",
    log:
        f"{LOGS}/draw_feature_gallery.log",
    benchmark:
        local(f"{BENCHMARKS}/draw_feature_gallery/figure.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_feature_gallery"),
        runtime=minutes("draw_feature_gallery"),
    params:
        settings=stage_settings(
            "draw_feature_gallery.py",
            examples=STUDY["report"]["examples"],
            **made_by("features"),
        ),
    message:
        "Drawing gradients and inversions"
    script:
        "../workflow_scripts/draw_feature_gallery.py"


rule write_report:
    input:
        *digests(rules.summarise.output),
        *digests(rules.judge_findings.output),
        **rules.summarise.output,
        **rules.judge_findings.output,
        dataset=DATASET,
        figures=[
            rules.draw_figures.output.svg,
            rules.draw_adversarial_examples.output.svg if asks_for("attack") else [],
            rules.draw_feature_gallery.output.svg if asks_for("features") else [],
        ],
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/write_report.log",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("write_report"),
        runtime=minutes("write_report"),
    params:
        settings=report_settings,
    message:
        "Writing {output.page}"
    script:
        "../workflow_scripts/write_report.py"


onstart:
    if workflow.is_main_process:
        try:
            CALL.start()
        except BusyError as error:
            raise WorkflowError(str(error)) from None


onsuccess:
    if workflow.is_main_process:
        page, table = (Path(RESULTS, name) for name in ("report.html", "tables/findings.csv"))
        # After what Snakemake itself says at the end.
        atexit.register(print, conclusion(page, table, time.monotonic() - STARTED))
