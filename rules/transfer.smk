rule evaluate_transfer:
    input:
        dataset=DATASET,
        weights=block_models(rules.train.output.weights),
        records=block_models(rules.train.output.record),
        adversarial=block_models(rules.attack.output.adversarial),
    output:
        transfer=f"{BLOCK}/transfer.h5",
    log:
        f"{LOGS}/evaluate_transfer/{{a}}--{{b}}.log",
    benchmark:
        local(f"{BENCHMARKS}/evaluate_transfer/{{a}}--{{b}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory,
        runtime=minutes,
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=stage_settings("evaluate_transfer.py", **STUDY["transfer"]),
    message:
        "Adversarial transfer between {wildcards.a} and {wildcards.b}"
    script:
        "../workflow_scripts/evaluate_transfer.py"
