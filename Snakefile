from snakemake.utils import min_version

min_version("9.27")


# Snakemake would merge a study given by --configfile into the default one.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/activations.smk"
include: "rules/import.smk"
include: "rules/describe.smk"
include: "rules/attack.smk"
include: "rules/features.smk"
include: "rules/evaluation.smk"
include: "rules/compare.smk"
include: "rules/nonrobust.smk"
include: "rules/summary.smk"
include: "rules/findings.smk"
include: "rules/report.smk"


report: "report/workflow.rst"


# Every intermediate of every stage, not only the last ones: a failed rerun deletes its output, and
# if what was made from it still stands, only a target that asks for it knows that it is owed.
rule all:
    default_target: True
    input:
        rules.prepare_data.output,
        every_network([rules.train.output.weights]),
        every_model([rules.train.output.record]),
        every_model(rules.dump_activations.output),
        every_model(rules.describe.output),
        every_model(rules.attack.output, "attack"),
        every_model(rules.extract_features.output, "features"),
        every_block(rules.compare.output, "maps", "geometry"),
        every_block(rules.evaluate.output, "attack", "features"),
        every_block(rules.compare_features.output, "features"),
        nonrobust_records(),
        rules.summarise.output,
        rules.judge_findings.output,
        rules.draw_figures.output,
        rules.draw_adversarial_examples.output if asks_for("attack") else [],
        rules.draw_feature_gallery.output if asks_for("features") else [],
        rules.write_report.output,
    message:
        "Everything is there"
