from snakemake.utils import min_version

min_version("9.27")


# Snakemake would merge a study given by --configfile into the default one.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/source.smk"
include: f"{WORKFLOW}/rules/common.smk"
include: f"{WORKFLOW}/rules/settings.smk"
include: f"{WORKFLOW}/rules/resources.smk"
include: f"{WORKFLOW}/rules/data.smk"
include: f"{WORKFLOW}/rules/train.smk"
include: f"{WORKFLOW}/rules/activations.smk"
include: f"{WORKFLOW}/rules/import.smk"
include: f"{WORKFLOW}/rules/describe.smk"
include: f"{WORKFLOW}/rules/attack.smk"
include: f"{WORKFLOW}/rules/features.smk"
include: f"{WORKFLOW}/rules/evaluation.smk"
include: f"{WORKFLOW}/rules/compare.smk"
include: f"{WORKFLOW}/rules/nonrobust.smk"
include: f"{WORKFLOW}/rules/summary.smk"
include: f"{WORKFLOW}/rules/findings.smk"
include: f"{WORKFLOW}/rules/report.smk"


report: f"{WORKFLOW}/report/workflow.rst"


# Every intermediate of every stage, not only the last ones: a failed rerun deletes its output, and
# if what was made from it still stands, only a target that asks for it knows that it is owed.
rule all:
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
