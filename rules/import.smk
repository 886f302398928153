# A network that exists already comes from its file, and not from a training; one that is not here
# from what it computed.
ruleorder: import_activations > import_model > train
ruleorder: import_activations > dump_activations


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
        architecture=only(study_config.imported_architectures(STUDY)),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_model"),
        runtime=minutes("import_model"),
        gpu=gpus,
        device=STUDY["device"],
    params:
        settings=import_settings,
    message:
        "Importing {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/import_model.py"


rule import_activations:
    input:
        unpack(source_of_model),
        dataset=DATASET,
    output:
        activations=rules.dump_activations.output.activations,
        record=rules.train.output.record,
    log:
        f"{LOGS}/import_activations/{{architecture}}/seed{{seed}}.log",
    benchmark:
        local(f"{BENCHMARKS}/import_activations/{{architecture}}/seed{{seed}}.tsv")
    wildcard_constraints:
        architecture=only(study_config.activations_architectures(STUDY)),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("import_activations"),
        runtime=minutes("import_activations"),
    params:
        settings=activations_settings,
    message:
        "Importing activations of {wildcards.architecture}/seed{wildcards.seed}"
    script:
        "../workflow_scripts/import_activations.py"
