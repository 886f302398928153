from repcompare.tables.schema import summary_tables

TABLES = summary_tables(asks_for)


rule summarise:
    input:
        *every_model(digests(rules.describe.output)),
        *every_block(digests(rules.compare.output), "maps", "geometry"),
        *every_block(digests(rules.compare_features.output), "features"),
        records=every_model([rules.train.output.record]),
        activations=every_model([rules.dump_activations.output.activations]),
        adversarial=every_model([rules.attack.output.adversarial], "attack"),
        layers=every_model([rules.describe.output.layers]),
        controls=every_model([rules.describe.output.get("controls")], "maps"),
        maps=every_block([rules.compare.output.get("scores")], "maps"),
        class_accuracies=every_block([rules.compare.output.get("class_accuracies")], "maps"),
        geometry=every_block([rules.compare.output.get("geometry")], "geometry"),
        convergence=every_block([rules.compare.output.get("convergence")], "geometry"),
        evaluations=every_block([rules.evaluate.output.evaluation], "attack"),
        features=every_block([rules.compare_features.output.features], "features"),
        nonrobust=nonrobust_records(),
    output:
        *digests_of(f"{RESULTS}/tables/{table}.csv" for table in TABLES),
        **{table: f"{RESULTS}/tables/{table}.csv" for table in TABLES},
    log:
        f"{LOGS}/summarise.log",
    benchmark:
        local(f"{BENCHMARKS}/summarise/tables.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("summarise"),
        runtime=minutes("summarise"),
    params:
        settings=stage_settings("summarise.py"),
    message:
        "Summarising the study"
    script:
        "../workflow_scripts/summarise.py"
