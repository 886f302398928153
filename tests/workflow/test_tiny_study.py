"""A study from data to report, in short: what `make test` runs of the workflow for real."""

import csv

from workflow.study import jobs, of, onwards


def test_it_ends_in_a_page_and_four_verdicts(finished):
    page = finished.result("report.html").read_text(encoding="utf-8")
    with finished.result("tables/findings.csv").open(encoding="utf-8", newline="") as file:
        verdicts = {
            row["finding"]: row["verdict"] for row in csv.DictReader(file) if row["verdict"]
        }
    assert list(verdicts) == ["linear", "retraining", "exception", "transfer"]
    for finding, verdict in verdicts.items():
        assert f'id="verdict-{finding}"' in page
        assert f'<span class="verdict {verdict}">' in page


def test_a_second_call_runs_nothing(finished):
    assert finished.due() == set()


def test_a_setting_a_seed_and_a_deleted_file_run_what_they_touch_and_no_more(study):
    study.set(maps__families=["ridge"])
    assert study.due() == onwards("compare", "describe")
    study.set(maps__families=study.defaults("maps", "families"))
    study.result("models/vgg/seed0/adversarial.h5").unlink()
    of_model = {"models": [("vgg", 0)], "blocks": of("vgg")["blocks"]}
    assert study.due() == onwards("attack", **of_model)


def test_the_last_line_of_a_call_names_the_page_and_the_verdicts(study):
    study.result("report.html").unlink()
    outcome = study.run()
    assert outcome.jobs == jobs("write_report")
    last = outcome.text.splitlines()[-1]
    assert last.startswith("results/tiny/report.html: linear inconclusive, retraining ")
    assert last.endswith(" s.")
