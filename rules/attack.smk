rule attack:
    input:
        dataset=DATASET,
        weights=rules.train.output.weights,
        record=rules.train.output.record,
    output:
        adversarial=f"{MODEL}/adversarial.h5",
    log:
        f"{LOGS}/attack/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/attack/{{architecture}}/seed{{seed}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("attack"),
        runtime=minutes("attack"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=lambda wildcards: on_network(
            "attack.py", wildcards.architecture, **section("attack")
        ),
    message:
        "Attacking {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/attack.py"
