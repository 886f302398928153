TABLES = (
    "models",
    "layers",
    "controls",
    "maps",
    "class_accuracies",
    "geometry",
    "convergence",
    "attacks",
    "attack_steps",
    "attack_growth",
    "transfer",
    "features",
    "pairs",
)

if STUDY["features"]["nonrobust"]:
    TABLES = (*TABLES, "nonrobust")


rule summarise:
    input:
        records=every_model([rules.train.output.record]),
        activations=every_model([rules.dump_activations.output.activations]),
        adversarial=every_model([rules.attack.output.adversarial], ANSWERING_MODELS),
        layers=every_model([rules.describe.output.layers]),
        controls=every_model([rules.describe.output.controls]),
        maps=every_block([rules.compare.output.scores]),
        class_accuracies=every_block([rules.compare.output.class_accuracies]),
        geometry=every_block([rules.compare.output.geometry]),
        convergence=every_block([rules.compare.output.convergence]),
        evaluations=every_block([rules.evaluate.output.evaluation], ANSWERING_BLOCKS),
        features=every_block([rules.compare_features.output.features], ANSWERING_BLOCKS),
        nonrobust=nonrobust_records(),
    output:
        **{table: f"{RESULTS}/tables/{table}.csv" for table in TABLES},
    log:
        f"{LOGS}/summarise.log",
    benchmark:
        local(f"{BENCHMARKS}/summarise/tables.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory,
        runtime=minutes,
    params:
        settings=stage_settings("summarise.py"),
    message:
        "Summarising the study"
    script:
        "../workflow_scripts/summarise.py"
