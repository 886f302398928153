rule evaluate:
    input:
        dataset=DATASET,
        weights=block_models(rules.train.output.weights),
        records=block_models(rules.train.output.record),
        adversarial=block_models(rules.attack.output.adversarial, "attack"),
        features=block_models(rules.extract_features.output.features, "features"),
    output:
        evaluation=f"{BLOCK}/evaluation.h5",
    log:
        f"{LOGS}/evaluate/{{a}}--{{b}}.log",
    benchmark:
        local(f"{BENCHMARKS}/evaluate/{{a}}--{{b}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=minutes("evaluate"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=lambda wildcards: stage_settings(
            "evaluate.py",
            **STUDY["evaluation"],
            **made_by("adversarial", "features", networks=block_networks(wildcards)),
        ),
    message:
        "What {wildcards.a} and {wildcards.b} make of each other's images"
    script:
        "../workflow_scripts/evaluate.py"
