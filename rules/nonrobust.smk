rule make_nonrobust:
    input:
        dataset=DATASET,
        weights=first_model(rules.train.output.weights),
        record=first_model(rules.train.output.record),
    output:
        images=f"{NONROBUST}/{{source}}.h5",
    log:
        f"{LOGS}/make_nonrobust/{{source}}.log",
    benchmark:
        local(f"{BENCHMARKS}/make_nonrobust/{{source}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("make_nonrobust"),
        runtime=minutes("make_nonrobust"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=lambda wildcards: on_network(
            "make_nonrobust.py", wildcards.source, **study_config.nonrobust_settings(STUDY)
        ),
    message:
        "Non-robust features of {wildcards.source}"
    script:
        "../workflow_scripts/make_nonrobust.py"


rule train_nonrobust:
    input:
        dataset=DATASET,
        images=rules.make_nonrobust.output.images,
    output:
        record=f"{NONROBUST}/{{source}}--{{target}}.json",
    log:
        f"{LOGS}/train_nonrobust/{{source}}--{{target}}.log",
    benchmark:
        local(f"{BENCHMARKS}/train_nonrobust/{{source}}--{{target}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("train_nonrobust"),
        runtime=minutes("train_nonrobust"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=nonrobust_training,
    message:
        "Training {wildcards.target} on the non-robust features of {wildcards.source}"
    script:
        "../workflow_scripts/train_nonrobust.py"
