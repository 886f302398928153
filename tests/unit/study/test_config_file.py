"""A config file is read as it stands: nothing in it is dropped, taken for something else, or run."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from unit.support.study_configs import BASE

from repcompare.study.config import ConfigError
from repcompare.study.config_file import read_config

ROOT = Path(__file__).parents[3]
QUOTES = "put it in quotes"
NUMBER = f"a number to YAML, and no name, {QUOTES}"
TWICE = "and only one of the two would count"
TEXT_ALONE = "allowed: text, numbers, lists and sections"
MANY = "more than 10,000 entries, aliases counted at each place: too many"


def laughs(first: str, each: str) -> str:
    """A text of ten lines, of which each names the one before it ten times."""
    names = "abcdefghij"
    lines = [f"a: &a {first}"]
    lines += [
        f"{name}: &{name} {each % ', '.join([f'*{before}'] * 10)}"
        for before, name in itertools.pairwise(names)
    ]
    return "\n".join(lines)


# The text of a file, and what is said of it.
REFUSED = {
    "training: {epochs: 3}\ntraining: {momentum: 0}": f"line 2: training stands in line 1 already, {TWICE}",
    "a:\n  resnet: 1\n  vgg: 2\n  resnet: 3": f"line 4: resnet stands in line 2 already, {TWICE}",
    '{"a": {"b": 1, "b": 2}}': f"b is given twice, {TWICE}",
    "18: a": f"line 1: 18: {NUMBER}",
    "1_000: a": f"line 1: 1_000: {NUMBER}",
    "1.10: a": f"line 1: 1.10: {NUMBER}",
    "a: {on: b}": f"line 1: on: to YAML on, off, yes, no, true and false are no names, {QUOTES}",
    "~: a": f"line 1: ~: to YAML ~, null and nothing are no names, {QUOTES}",
    "2020-01-01: a": f"line 1: 2020-01-01: a date to YAML, and no name, {QUOTES}",
    "? [a]\n: b": "line 1: a key that is a list or a section, allowed: text",
    "a: 2020-01-01": f"line 1: YAML reads 2020-01-01 as a date, {QUOTES} or write it otherwise",
    "a: 2020-13-41": f"line 1: YAML reads 2020-13-41 as a date, {QUOTES} or write it otherwise",
    "a: 1:30": "line 1: YAML reads 1:30 as a number of minutes, or of seconds, "
    f"{QUOTES} or write it otherwise",
    "a: [17, 017]": f"line 1: YAML reads 017 as the number 15, {QUOTES} or write it otherwise",
    "a: !!python/name:os.system": f"line 1: the tag !!python/name:os.system, {TEXT_ALONE}",
    "a: !!binary aGVsbG8=": f"line 1: the tag !!binary, {TEXT_ALONE}",
    "a: !!set {1, 2}": f"line 1: the tag !!set, {TEXT_ALONE}",
    "a: !!int b": "not YAML: invalid literal for int() with base 10: 'b'",
    "__use_yte__: true\na: ?1": "line 1: __use_yte__: Snakemake would run what stands here, leave it out",
    "<<: {__use_yte__: true}": "line 1: __use_yte__: Snakemake would run what stands here, leave it out",
    "a: &a [*a]": "line 1: contains itself",
    "a: &a {b: *a}": "line 1: contains itself",
    "a: &a {<<: *a}": "line 1: contains itself",
    laughs("[x]", "[%s]"): MANY,
    laughs("{x: 1}", "{<<: [%s]}"): MANY,
    f"a: [{', '.join(map(str, range(100_000)))}]": MANY,
    f"a: {'[' * 50}{']' * 50}": "line 1: nested deeper than 20 levels",
    f'{{"a": {"[" * 10_000}{"]" * 10_000}}}': "nested deeper than 20 levels",
    f"a: {'9' * 5000}": "a number of more digits than any key takes",
    f'{{"a": {"9" * 5000}}}': "a number of more digits than any key takes",
    f"a: 1{'0' * 400}": "a: a number of 401 digits, more than any key takes",
    f"a: {'x' * 5000}": "a: text of 5,000 characters, allowed: up to 4,096",
    'a: "\\u0000"': "a: holds '\\x00', which no text here may",
    '{"a": "\\ud800"}': "a: holds '\\ud800', which no text here may",
    "a: b\0c": "holds the character '\\x00', which no YAML may",
    "a:\n\tb: c": "line 2, column 1: not YAML: found character that cannot start any token; "
    "indent with spaces, and put text in quotes",
    "a: b: c": "line 1, column 5: not YAML: mapping values are not allowed in this context",
    "a: *b": "line 1, column 4: not YAML: found undefined alias 'b'",
    "a: b\n---\na: c": "line 2, column 1: not YAML: but found another document",
    "": "holds no sections, allowed: study: and others",
    "- a": "holds no sections, allowed: study: and others",
    f"# {'x' * 1_000_000}": "more than 1,000,000 bytes, which no config has",
}


def refusal(path) -> str:
    """What is said of a file, but for its name."""
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:30]))
def test_a_file_is_refused_in_one_line_that_says_where(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert refusal(path) == REFUSED[text]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-16", "written in UTF-16, save it as UTF-8"),
        ("latin-1", "line 2: not in UTF-8, save it so"),
    ],
)
def test_a_file_in_another_encoding_is_refused(tmp_path, encoding, said):
    (tmp_path / "mine.yaml").write_bytes("study: small\nreport: {title: Übung}".encode(encoding))
    assert refusal(tmp_path / "mine.yaml") == said


def test_what_is_no_file_is_refused(tmp_path):
    assert refusal(tmp_path / "none.yaml") == refusal(tmp_path) == "no such file"
    assert refusal(Path("/dev/zero")) == "no such file"
    with pytest.raises(ConfigError, match=r"aaa\.\.\.: File name too long$"):
        read_config("a" * 300)


def test_all_that_is_wrong_is_told_in_the_order_of_the_lines(tmp_path):
    (tmp_path / "mine.yaml").write_text("a: {b: 1, b: 017}\n18: c\na: 2", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "mine.yaml")
    lines = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert lines == ["line 1", "line 1", "line 2", "line 3"]


def test_a_sound_file_is_read_with_aliases_tags_of_its_own_and_a_mark_of_its_encoding(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        '\ufeff_: &usual {factory: vgg, seeds: [1_000]}\na: {<<: *usual, seeds: [0]}\n"18": !!str 18',
        encoding="utf-8",
    )
    usual = {"factory": "vgg", "seeds": [1000]}
    assert read_config(file) == {"_": usual, "a": usual | {"seeds": [0]}, "18": "18"}
    file.write_text(json.dumps({"a": [1, None, "ü"]}, indent="\t"), encoding="utf-8")
    assert read_config(file) == {"a": [1, None, "ü"]}


def test_the_command_says_nothing_of_a_sound_file_and_runs_nothing_of_any(tmp_path):
    def check(text):
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "repcompare.study", "--configfile", "mine.yaml"]
        environment = {"PYTHONPATH": str(ROOT / "workflow_scripts"), "HOME": "/"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
        )

    sound = check(BASE)
    assert (sound.returncode, sound.stdout, sound.stderr) == (0, "", "")
    found = check(f"__use_yte__: true\nseeds: ?open('ran', 'w')\n{BASE}")
    assert found.returncode == 1
    assert found.stderr.startswith("The config cannot be run:\nmine.yaml: line 1: __use_yte__: ")
    assert not (tmp_path / "ran").exists()
    assert "Traceback" not in check("study: [").stderr
