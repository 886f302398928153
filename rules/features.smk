rule extract_features:
    input:
        dataset=DATASET,
        weights=rules.train.output.weights,
        record=rules.train.output.record,
    output:
        features=f"{MODEL}/features.h5",
    log:
        f"{LOGS}/extract_features/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/extract_features/{{architecture}}/seed{{seed}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("extract_features"),
        runtime=minutes("extract_features"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=lambda wildcards: on_network(
            "extract_features.py",
            wildcards.architecture,
            **study_config.feature_settings(STUDY),
        ),
    message:
        "Input features of {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/extract_features.py"
