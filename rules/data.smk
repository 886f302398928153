rule prepare_data:
    input:
        raw_data(),
    output:
        dataset=DATASET,
    log:
        f"{LOGS}/prepare_data.log",
    benchmark:
        local(f"{BENCHMARKS}/prepare_data/dataset.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("prepare_data"),
        runtime=minutes("prepare_data"),
        data_root=STUDY["data"]["root"] or "",
        attack_samples=study_config.samples(STUDY, "attack"),
        features_samples=study_config.samples(STUDY, "features"),
        attack_classes=study_config.least_classes(STUDY),
        maps=int(asks_for("maps")),
    params:
        settings=stage_settings("prepare_data.py", **data_settings(STUDY["data"])),
    message:
        "Preparing the data"
    script:
        "../workflow_scripts/prepare_data.py"
