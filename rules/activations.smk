rule dump_activations:
    input:
        dataset=DATASET,
        weights=rules.train.output.weights,
        record=rules.train.output.record,
    output:
        activations=f"{MODEL}/activations.h5",
    log:
        f"{LOGS}/dump_activations/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/dump_activations/{{architecture}}/seed{{seed}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("dump_activations"),
        runtime=minutes("dump_activations"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=lambda wildcards: on_network(
            "dump_activations.py", wildcards.architecture, **STUDY["activations"]
        ),
    message:
        "Activations of {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/dump_activations.py"
