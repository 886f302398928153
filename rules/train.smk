rule train:
    input:
        dataset=DATASET,
    output:
        weights=f"{MODEL}/weights.safetensors",
        record=f"{MODEL}/record.json",
    log:
        f"{LOGS}/train/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/train/{{architecture}}/seed{{seed}}.tsv")
    wildcard_constraints:
        # Where the file of an existing network is missing, none is trained in its place.
        architecture=all_but(
            study_config.imported_architectures(STUDY)
            + study_config.activations_architectures(STUDY)
        ),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("train"),
        runtime=minutes("train"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=training_settings,
    message:
        "Training {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/train.py"
