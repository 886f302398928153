"""A call ends with one line: the page, the verdicts and the time."""

from repcompare.study.conclusion import conclusion


def test_it_names_the_page_the_verdicts_and_the_time(tmp_path):
    page, findings = tmp_path / "report.html", tmp_path / "findings.csv"
    page.touch()
    rows = [
        "finding,version,verdict",
        "linear,r2,supported",
        "linear,floor,",
        "transfer,,inconclusive",
    ]
    findings.write_text("\n".join(rows), encoding="utf-8")
    expected = f"{page}: linear supported, transfer inconclusive. 2 min 5 s."
    assert conclusion(page, findings, 125.4) == expected


def test_without_a_page_it_is_the_time_alone(tmp_path):
    assert conclusion(tmp_path / "report.html", tmp_path / "findings.csv", 4.2) == "Done in 4 s."
