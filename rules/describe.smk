rule describe:
    input:
        dataset=DATASET,
        activations=rules.dump_activations.output.activations,
        record=rules.train.output.record,
    output:
        *digests_of(
            [f"{MODEL}/layers.csv", *([f"{MODEL}/controls.csv"] if asks_for("maps") else [])]
        ),
        **({"controls": f"{MODEL}/controls.csv"} if asks_for("maps") else {}),
        layers=f"{MODEL}/layers.csv",
    log:
        f"{LOGS}/describe/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/describe/{{architecture}}/seed{{seed}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("describe"),
        runtime=minutes("describe"),
    params:
        settings=lambda wildcards: stage_settings(
            "describe.py",
            families=study_config.families(STUDY),
            **made_by("activations", network=study_config.made_by(STUDY, wildcards.architecture)),
        ),
    message:
        "Describing {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/describe.py"
