"""The digest of a stage's code changes with what the code does, and with nothing else."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repcompare.study.code_digest import code_digest, normal_form

SCRIPTS = Path(__file__).parents[3] / "workflow_scripts"
DIGEST = """
import sys
from pathlib import Path
from repcompare.study.code_digest import code_digest
print(code_digest(Path(sys.argv[1]), *sys.argv[2:]))
"""
DIGESTS = """
import json, sys
from pathlib import Path
from repcompare.study.code_digest import code_digest
scripts = sorted(Path(sys.argv[1]).glob("*.py"))
print(json.dumps({path.name: code_digest(path) for path in scripts}))
"""
FORMS = """
import ast, json, sys
from repcompare.study.code_digest import code_digest, normal_form
print(json.dumps([normal_form(ast.parse(source)) for source in json.load(sys.stdin)]))
"""
ENCODING = "import locale; print(locale.getpreferredencoding(False))"

# Where versions of Python have differed, in the tree or in how it is written, and what is said of it
# in all of them.
STORED = {
    # A Python that knows type parameters says that there are none.
    "def f(): return": "(FunctionDef args=(arguments) body=[(Return)] name='f')",
    "class A: 'Nothing.'": "(ClassDef body=[(Pass)] name='A')",
    # Texts of f-strings: which are joined, which empty ones there are, which quotes they have.
    "f'a' \"b'\"": '(Expr value=(JoinedStr values=["ab\'"]))',
    "f'{x:{y}}'": (
        "(Expr value=(JoinedStr values=[(FormattedValue conversion=-1"
        " format_spec=(JoinedStr values=[(FormattedValue conversion=-1"
        " value=(Name ctx=(Load) id='y'))]) value=(Name ctx=(Load) id='x'))]))"
    ),
    "f'{x = }'": (
        "(Expr value=(JoinedStr values=['x = ' (FormattedValue conversion=114"
        " value=(Name ctx=(Load) id='x'))]))"
    ),
    "f'{x[\"k\"]!s}'": (
        "(Expr value=(JoinedStr values=[(FormattedValue conversion=115 value=(Subscript ctx=(Load)"
        " slice='k' value=(Name ctx=(Load) id='x')))]))"
    ),
    # A character that is printable since Unicode 15, and one that has always been.
    "('\U0001fae8', u'\u00e9')": "(Expr value=(Tuple ctx=(Load) elts=['\\U0001fae8' '\\xe9']))",
    "\u00e9 = 1": "(Assign targets=[(Name ctx=(Store) id='\\xe9')] value=1)",
    "(0x_ff, 1e1000, 1_0.50, 2j, b'\\xff', ..., None)": (
        "(Expr value=(Tuple ctx=(Load) elts=[255 inf 10.5 2j b'\\xff' Ellipsis None]))"
    ),
    "{**a, b: 0}": (
        "(Expr value=(Dict keys=[() (Name ctx=(Load) id='b')] values=[(Name ctx=(Load) id='a') 0]))"
    ),
    "match x:\n case None: pass\n case False: pass": (
        "(Match cases=[(match_case body=[(Pass)] pattern=(MatchSingleton))"
        " (match_case body=[(Pass)] pattern=(MatchSingleton value=False))]"
        " subject=(Name ctx=(Load) id='x'))"
    ),
    "from a import b": "(ImportFrom module='a' names=[(alias name='b')])",
    "x[*a]": (
        "(Expr value=(Subscript ctx=(Load) slice=(Tuple ctx=(Load) elts=[(Starred ctx=(Load)"
        " value=(Name ctx=(Load) id='a'))]) value=(Name ctx=(Load) id='x')))"
    ),
}


def other_pythons() -> list[str]:
    """A Python of each supported version that is at hand, but for the one that runs the tests."""
    found = []
    for minor in range(11, 20):
        name = f"python3.{minor}"
        folders = [Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python"]
        paths = [path for folder in folders for path in sorted(folder.glob(f"*/bin/{name}"))]
        paths += filter(None, [shutil.which(name)])
        if (3, minor) != sys.version_info[:2] and (path := next(filter(works, paths), None)):
            found.append(str(path))
    return found


def works(python: str | Path) -> bool:
    """Whether it starts: pyenv puts on the PATH what only says that it is not chosen."""
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the scripts and the library, to edit."""
    return Path(shutil.copytree(SCRIPTS, tmp_path / "workflow_scripts"))


def output(scripts: Path, code: str, *arguments, python=sys.executable, given="", **variables):
    """What a Python without any packages but the library prints."""
    return subprocess.run(
        [python, "-B", "-c", code, *map(str, arguments)],
        env={"PYTHONPATH": str(scripts), **variables},
        check=True,
        capture_output=True,
        encoding="utf-8",
        input=given,
    ).stdout


def digest(scripts: Path, script: str, *modules: str) -> str:
    return output(scripts, DIGEST, scripts / script, *modules)


def digests(scripts: Path, **options: str) -> dict[str, str]:
    """The digest of each script."""
    return json.loads(output(scripts, DIGESTS, scripts, **options))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_comments_blank_lines_docstrings_and_place_do_not_count(copy):
    before = digest(SCRIPTS, "train.py")
    library = copy / "repcompare"
    begin = "        network.train()\n"
    edit(library / "networks/training.py", begin, f"        # A comment.\n\n{begin}")
    edit(library / "networks/training.py", "Train `network` in place", "Another docstring")
    edit(library / "networks/training.py", '"""Training one network', '"""Another docstring')
    assert digest(copy, "train.py") == before


def test_formatting_does_not_count():
    plain = "x = f(1, 'ab')\ny = (x + 2) * 3"
    other = "x = f(\n    1,\n    ('a'  # A comment.\n     \"b\"),\n);y=((x) \\\n + 0x2)*3"
    assert normal_form(ast.parse(other)) == normal_form(ast.parse(plain))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "True"),
        ("'a'", "b'a'"),
        ("a", "'a'"),
        ("...", "Ellipsis"),
        ("'a', 'b'", "'a' 'b'"),
        ("{**a}", "{None: a}"),
        ("f'{a}b'", "f'{a}' + 'b'"),
        ("f'{a}'", "f'{a!s}'"),
        ("f'{{a}}'", "f'{a}'"),
        ("-1 ** 2", "(-1) ** 2"),
        ("def f(a, /): 0", "def f(a): 0"),
        ("def f(*, a, b=None): 0", "def f(*, a=None, b): 0"),
        ("def f(): return", "def f(): return None"),
        ("match a:\n case None: 0", "match a:\n case False: 0"),
        ("from . import a", "from .. import a"),
        ("async def f(): 0", "def f(): 0"),
        ("if a: 0\nelse: 1", "if a: 0\n1"),
        ("def f(): 'Not the docstring.', 0", "def f(): 0"),
    ],
)
def test_what_the_code_does_counts(one, other):
    assert normal_form(ast.parse(one)) != normal_form(ast.parse(other))


@pytest.mark.parametrize("source", STORED)
def test_the_normal_form_is_what_other_versions_of_python_say(source):
    assert normal_form(ast.parse(source)) == f"(Module body=[{STORED[source]}])"


def test_the_version_of_python_does_not_count():
    if not (pythons := other_pythons()):
        pytest.skip("no other supported version of Python is at hand")
    here = digests(SCRIPTS)
    stored = [f"(Module body=[{form}])" for form in STORED.values()]
    for python in pythons:
        assert digests(SCRIPTS, python=python) == here
        assert (
            json.loads(output(SCRIPTS, FORMS, python=python, given=json.dumps(list(STORED))))
            == stored
        )


@pytest.mark.parametrize("encoding", ["ANSI_X3.4-1968", "ISO-8859-1"])
def test_the_locale_and_the_path_of_the_checkout_do_not_count(encoding, tmp_path):
    copy = Path(shutil.copytree(SCRIPTS, tmp_path / "Stra\u00dfe \u2265 1"))
    assert any(not path.read_bytes().isascii() for path in copy.rglob("*.py"))
    variables = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    if encoding == "ISO-8859-1":
        variables |= {"LC_ALL": "latin", "LOCPATH": str(tmp_path)}
        command = ["localedef", "-i", "en_US", "-f", encoding, str(tmp_path / "latin")]
        if not shutil.which("localedef") or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no locale of this encoding can be made")
    assert output(SCRIPTS, ENCODING, **variables).strip() == encoding
    assert digests(copy, **variables) == digests(SCRIPTS)


def test_a_statement_changes_the_scripts_that_import_it_and_no_other(copy):
    scripts = ["train.py", "dump_activations.py", "attack.py", "compare.py", "summarise.py"]
    before = {script: digest(copy, script) for script in scripts}
    edit(copy / "repcompare" / "attacks/balls.py", "NORM_TOLERANCE = 1e-6", "NORM_TOLERANCE = 2e-6")
    changed = {script for script in scripts if digest(copy, script) != before[script]}
    assert changed == {"attack.py"}


def test_an_import_of_an_import_counts(copy):
    before = digest(copy, "compare.py")
    edit(copy / "repcompare" / "representations/moments.py", "CUTOFF = ", "CUTOFF = 2 * ")
    assert digest(copy, "compare.py") != before


def test_an_import_inside_a_function_counts(copy):
    module = copy / "repcompare" / "study/blocks.py"
    edit(module, "    crossed = ", "    import repcompare.storage.logs\n\n    crossed = ")
    before = digest(copy, "compare.py")
    edit(copy / "repcompare" / "storage/logs.py", "logging.INFO", "logging.DEBUG")
    assert digest(copy, "compare.py") != before


def test_a_family_of_architectures_counts_for_itself_alone(copy):
    modules = [f"repcompare.architectures.{name}" for name in ("vgg", "resnet")]
    before = [digest(copy, "train.py", module) for module in modules]
    vgg = copy / "repcompare" / "architectures" / "vgg.py"
    vgg.write_text(vgg.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")
    after = [digest(copy, "train.py", module) for module in modules]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_an_unknown_module_is_refused(copy):
    with pytest.raises(subprocess.CalledProcessError) as error:
        digest(copy, "train.py", "repcompare.architectures.alexnet")
    assert "no module repcompare.architectures.alexnet" in error.value.stderr


def test_modules_in_two_packages_may_share_a_name(copy):
    modules = []
    for package in ("one", "two"):
        write(copy / "repcompare" / package / "__init__.py", "")
        write(copy / "repcompare" / package / "shared.py", "VALUE = 1\n")
        modules.append(f"repcompare.{package}.shared")
    before = [digest(copy, "train.py", module) for module in modules]
    assert before[0] != before[1]
    edit(copy / "repcompare" / "two" / "shared.py", "1", "2")
    after = [digest(copy, "train.py", module) for module in modules]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_the_packages_above_a_named_module_count(copy):
    package = copy / "repcompare" / "package"
    write(package / "__init__.py", "")
    write(package / "module.py", "")
    before = digest(copy, "train.py", "repcompare.package.module")
    write(package / "__init__.py", "CHANGED = True\n")
    assert digest(copy, "train.py", "repcompare.package.module") != before


# A network of one's own, the modules beside it, and one of a folder that is imported by its neighbour.
OWN = {
    "encoder.py": "import torch\nfrom blocks import block\n\n\ndef encoder(): return block()\n",
    "blocks.py": "from parts.deep.layers import layer\n\n\ndef block(): return layer()\n",
    "parts/__init__.py": "",
    "parts/deep/layers.py": "from ..sizes import WIDTH\nimport parts.names\n",
    "parts/sizes.py": "WIDTH = 4\n",
    "parts/names.py": "NAME = 'wide'\n",
    "unused.py": "VALUE = 1\n",
}


def own_digest(folder: Path, **changes: str) -> str:
    """The digest of a script with one's own network in a folder, some of whose files are others."""
    for name, text in (OWN | changes).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return code_digest(SCRIPTS / "import_model.py", folder / "encoder.py")


@pytest.mark.parametrize("file", [name for name in OWN if name != "unused.py"])
def test_a_statement_in_ones_own_file_or_in_what_it_imports_beside_it_counts(file, tmp_path):
    changed = own_digest(tmp_path / "changed", **{file: OWN[file] + "CHANGED = True\n"})
    assert changed != own_digest(tmp_path / "before")


def test_of_ones_own_files_place_docstrings_and_what_is_not_imported_do_not_count(tmp_path):
    before = own_digest(tmp_path / "before")
    assert own_digest(tmp_path / "a" / "nother" / "place") == before
    documented = {name: f'"""A docstring."""\n\n# A comment.\n{text}' for name, text in OWN.items()}
    assert own_digest(tmp_path / "documented", **documented) == before
    assert own_digest(tmp_path / "unused", **{"unused.py": "VALUE = 2\n"}) == before


def test_another_name_of_ones_own_file_counts_and_so_do_two_of_one_name(tmp_path):
    before = own_digest(tmp_path / "before")
    assert before != code_digest(SCRIPTS / "import_model.py")
    (tmp_path / "before" / "coder.py").write_text(OWN["encoder.py"], encoding="utf-8")
    assert code_digest(SCRIPTS / "import_model.py", tmp_path / "before" / "coder.py") != before
    places = []
    for place in ("0", "z"):
        folder = tmp_path / place
        own_digest(folder)
        shutil.copy(folder / "encoder.py", folder / "import_model.py")
        places.append(code_digest(SCRIPTS / "import_model.py", folder / "import_model.py"))
    assert places[0] == places[1]
