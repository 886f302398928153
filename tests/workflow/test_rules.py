"""What every rule declares."""

import ast
import json

from workflow.study import ALL_RULES, BLOCKS

from repcompare.planning.resources import LEAST


def test_every_rule_has_a_message_resources_a_log_and_a_benchmark(new_study):
    records = new_study.call("--dry-run").records
    assert {record["rule"] for record in records} == set(ALL_RULES)
    assert all(record["message"] for record in records)
    assert all({"mem_mb", "runtime"} <= record["resources"].keys() for record in records)
    logs = [log for record in records for log in record["log"]]
    benchmarks = [record["benchmark"] for record in records if record["benchmark"]]
    assert len(set(logs)) == len(records)
    # The report shows the benchmarks, so it has none itself.
    assert len(set(benchmarks)) == len(records) - 1
    for folder, files in (("logs", logs), ("benchmarks", benchmarks)):
        assert all(file.startswith(f"results/tiny/{folder}/") for file in files)


def test_every_rule_has_one_param_with_the_digest_of_its_code_and_an_environment(finished):
    metadata = [
        json.loads(file.read_text(encoding="utf-8"))
        for file in (finished.folder / ".snakemake" / "metadata").iterdir()
    ]
    assert {record["rule"] for record in metadata} == set(ALL_RULES)
    for record in metadata:
        (param,) = record["params"]
        assert len(json.loads(ast.literal_eval(param))["code"]) == 64, record["rule"]
        assert record["conda_env"], record["rule"]


def test_jobs_ask_for_the_least_until_a_network_is_there_that_needs_more(new_study):
    def asked() -> dict[tuple, int]:
        found = [job for job in new_study.call("--dry-run").records if job["rule"] == "compare"]
        return {
            tuple(job["wildcards"][key] for key in "ab"): job["resources"]["mem_mb"]
            for job in found
        }

    least = asked()
    assert least == dict.fromkeys(BLOCKS, LEAST["compare"][0])
    record = new_study.result("models/vgg/seed0/record.json")
    record.parent.mkdir(parents=True)
    record.write_text('{"representation_width": 8192, "parameters": 9000000}', encoding="utf-8")
    more = asked()
    assert [block for block in BLOCKS if more[block] > least[block]] == [("vgg", "vgg")]
