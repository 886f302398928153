# A network that exists already comes from its file, and not from a training.
ruleorder: import_model > train


rule import_model:
    input:
        unpack(source_of_model),
        dataset=DATASET,
    output:
        weights=rules.train.output.weights,
        record=rules.train.output.record,
    log:
        f"{LOGS}/import_model/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/import_model/{{architecture}}/seed{{seed}}.tsv")
    wildcard_constraints:
        # Nothing matches where the study trains all of its networks.
        architecture="|".join(map(re.escape, study_config.imported_architectures(STUDY))) or "(?!)",
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory,
        runtime=minutes,
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=import_settings,
    message:
        "Importing {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/import_model.py"
