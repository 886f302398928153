rule judge_findings:
    input:
        *digests(rules.summarise.output),
        **{
            name: rules.summarise.output[name]
            for name in ("models", "controls", "maps", "geometry", "transfer")
            if name in TABLES
        },
    output:
        *digests_of(f"{RESULTS}/tables/{name}.csv" for name in ("findings", "specifications")),
        findings=f"{RESULTS}/tables/findings.csv",
        specifications=f"{RESULTS}/tables/specifications.csv",
    log:
        f"{LOGS}/judge_findings.log",
    benchmark:
        local(f"{BENCHMARKS}/judge_findings/table.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("judge_findings"),
        runtime=minutes("judge_findings"),
    params:
        settings=stage_settings(
            "judge_findings.py",
            statistics=STUDY["statistics"],
            network_families=study_config.network_families(STUDY),
        ),
    message:
        "Testing the findings"
    script:
        "../workflow_scripts/judge_findings.py"
