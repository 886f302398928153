# Each figure of the tables and its section in the report.
FIGURES = {
    "accuracies": "Models",
    "stitched_accuracy": "Linear maps",
    "held_out_r2": "Linear maps",
    "maps_by_family": "Linear maps",
    "similarity": "Geometry",
    "model_map": "Geometry",
    "measures_and_nulls": "Geometry",
    "same_and_cross_architecture": "Geometry",
    "convergence": "Geometry",
    "adversarial_transfer": "Adversarial transfer",
    "epsilon_curves": "Adversarial transfer",
    "attack_checks": "Adversarial transfer",
    "geometry_against_transfer": "Adversarial transfer",
    "feature_similarity": "Input features",
    "features_by_kind": "Input features",
    "features_against_geometry": "Input features",
}
if set(STUDY["activations"]["layers"]) - {"penultimate"}:
    FIGURES["similarity_by_layer"] = "Geometry"
if STUDY["geometry"]["layer_pairs"]:
    FIGURES["layer_similarity"] = "Geometry"
EXAMPLES = "adversarial_examples"
GALLERY = "feature_gallery"


rule draw_figures:
    input:
        **{name: path for name, path in rules.summarise.output.items() if name != "pairs"},
    output:
        svg=[in_report(name, section) for name, section in FIGURES.items()],
        png=[f"{RESULTS}/figures/{name}.png" for name in FIGURES],
    log:
        f"{LOGS}/draw_figures.log",
    benchmark:
        local(f"{BENCHMARKS}/draw_figures/figures.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        settings=stage_settings("draw_figures.py"),
    message:
        "Drawing the figures"
    script:
        "../workflow_scripts/draw_figures.py"


rule draw_examples:
    input:
        dataset=DATASET,
        transfer=rules.summarise.output.transfer,
        adversarial=[
            rules.attack.output.adversarial.apply_wildcards(
                {"architecture": architecture, "seed": seed}
            )
            for architecture, seed in first_models(5)
        ],
    output:
        svg=in_report(EXAMPLES, "Adversarial transfer"),
        png=f"{RESULTS}/figures/{EXAMPLES}.png",
    log:
        f"{LOGS}/draw_examples.log",
    benchmark:
        local(f"{BENCHMARKS}/draw_examples/figure.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        settings=stage_settings("draw_examples.py", examples=STUDY["report"]["examples"]),
    message:
        "Drawing adversarial examples"
    script:
        "../workflow_scripts/draw_examples.py"


rule draw_gallery:
    input:
        dataset=DATASET,
        features=[
            rules.extract_features.output.features.apply_wildcards(
                {"architecture": architecture, "seed": seed}
            )
            for architecture, seed in first_models(5)
        ],
    output:
        svg=in_report(GALLERY, "Input features"),
        png=f"{RESULTS}/figures/{GALLERY}.png",
    log:
        f"{LOGS}/draw_gallery.log",
    benchmark:
        local(f"{BENCHMARKS}/draw_gallery/figure.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        settings=stage_settings("draw_gallery.py", examples=STUDY["report"]["examples"]),
    message:
        "Drawing gradients and inversions"
    script:
        "../workflow_scripts/draw_gallery.py"


rule write_report:
    input:
        **rules.summarise.output,
        findings=rules.test_findings.output.findings,
        dataset=DATASET,
        figures=[
            rules.draw_figures.output.svg,
            rules.draw_examples.output.svg,
            rules.draw_gallery.output.svg,
        ],
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/write_report.log",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(30),
    params:
        settings=stage_settings(
            "write_report.py",
            config=reproducible_config(),
            benchmarks=BENCHMARKS,
            page=files_digest(
                [PAGE / "template.html.j2", *PAGE.glob("page.*"), *PAGE.glob("captions/*.rst")]
            ),
        ),
    message:
        "Writing {output.page}"
    script:
        "../workflow_scripts/write_report.py"
