rule prepare_data:
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
        mem_mb=more_each_attempt(2000),
        runtime=more_each_attempt(60),
        data_root=STUDY["data"]["root"] or "",
    params:
        settings=stage_settings(
            "prepare_data.py",
            **{key: STUDY["data"][key] for key in ("name", "fit_samples", "train_samples")},
        ),
    message:
        "Preparing the data"
    script:
        "../workflow_scripts/prepare_data.py"
