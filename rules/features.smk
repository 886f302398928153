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
        mem_mb=memory,
        runtime=minutes,
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=stage_settings("extract_features.py", **study_config.feature_settings(STUDY)),
    message:
        "Input features of {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/extract_features.py"


rule compare_features:
    input:
        dataset=DATASET,
        weights=block_models(rules.train.output.weights),
        records=block_models(rules.train.output.record),
        activations=block_models(rules.dump_activations.output.activations),
        adversarial=block_models(rules.attack.output.adversarial),
        features=block_models(rules.extract_features.output.features),
    output:
        features=f"{BLOCK}/features.csv",
    log:
        f"{LOGS}/compare_features/{{a}}--{{b}}.log",
    benchmark:
        local(f"{BENCHMARKS}/compare_features/{{a}}--{{b}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory,
        runtime=minutes,
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=stage_settings("compare_features.py", batch_size=STUDY["features"]["batch_size"]),
    message:
        "Input features of {wildcards.a} and {wildcards.b}"
    script:
        "../workflow_scripts/compare_features.py"
