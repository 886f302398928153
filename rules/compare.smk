COMPARED = of_sections(
    maps={
        "maps": f"{BLOCK}/maps.h5",
        "scores": f"{BLOCK}/maps.csv",
        "class_accuracies": f"{BLOCK}/class_accuracies.csv",
    },
    geometry={
        "geometry": f"{BLOCK}/geometry.csv",
        "convergence": f"{BLOCK}/convergence.csv",
    },
)


rule compare:
    input:
        activations=block_models(rules.dump_activations.output.activations),
        records=block_models(rules.train.output.record),
    output:
        *digests_of(COMPARED.values()),
        **COMPARED,
    log:
        f"{LOGS}/compare/{{a}}--{{b}}.log",
    benchmark:
        local(f"{BENCHMARKS}/compare/{{a}}--{{b}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("compare"),
        runtime=minutes("compare"),
    params:
        settings=comparison_settings,
    message:
        "Comparing {wildcards.a} with {wildcards.b}"
    script:
        "../workflow_scripts/compare.py"


rule compare_features:
    input:
        dataset=DATASET,
        activations=block_models(rules.dump_activations.output.activations),
        adversarial=block_models(rules.attack.output.adversarial, "attack"),
        features=block_models(rules.extract_features.output.features),
        evaluation=rules.evaluate.output.evaluation,
    output:
        *digests_of([f"{BLOCK}/features.csv"]),
        features=f"{BLOCK}/features.csv",
    log:
        f"{LOGS}/compare_features/{{a}}--{{b}}.log",
    benchmark:
        local(f"{BENCHMARKS}/compare_features/{{a}}--{{b}}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("compare_features"),
        runtime=minutes("compare_features"),
    params:
        settings=stage_settings(
            "compare_features.py", **made_by("dataset", "activations", "adversarial", "features")
        ),
    message:
        "Input features of {wildcards.a} and {wildcards.b}"
    script:
        "../workflow_scripts/compare_features.py"
