"""Text is read and written as UTF-8 whatever the locale, and the code says so wherever it does."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("workflow_scripts", "tests", "benchmarks", "envs")
# Of these ruff sees only those on an object whose type it knows, which few paths are.
TEXT = {"read_text", "write_text", "FileHandler"}
# By their mode, and what it is if none is given.
FILES = {"open": "r", "fdopen": "r", "TemporaryFile": "w+b", "NamedTemporaryFile": "w+b"}
PROCESSES = {"text", "universal_newlines"}


def left_to_the_locale(source: str) -> list[str]:
    """The calls that open a text, or a process that prints one, without an encoding."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if opens_text(call) and not says_encoding(call)]


def says_encoding(call: ast.Call) -> bool:
    return any(keyword.arg == "encoding" for keyword in call.keywords)


def opens_text(call: ast.Call) -> bool:
    owner, _, name = ast.unparse(call.func).rpartition(".")
    if any(keyword.arg in PROCESSES for keyword in call.keywords):
        return True
    if name in FILES and owner != "os":
        given = call.args if owner else call.args[1:]
        given = [*given, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        # A name instead of a mode: what is opened is in an archive, or is an image.
        if owner and given and not isinstance(given[0], ast.Constant):
            return False
        return "b" not in (given[0].value if given else FILES[name])
    return bool(owner) and name in TEXT


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_is_left_to_the_locale(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {file.name: left_to_the_locale(file.read_text(encoding="utf-8")) for file in files}
    assert {name: calls for name, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text()",
        "path.write_text('')",
        "path.open()",
        "path.open('a')",
        "open(path)",
        "open(path, mode='w', newline='')",
        "tempfile.TemporaryFile('w+')",
        "logging.FileHandler(path)",
        "subprocess.run(command, text=True)",
    ],
)
def test_a_text_without_an_encoding_is_found(call):
    assert left_to_the_locale(call) == [call]


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text(encoding='utf-8')",
        "path.open('rb')",
        "open(path, 'wb')",
        "os.open(path, os.O_RDWR)",
        "tempfile.TemporaryFile()",
        "subprocess.run(command, encoding='utf-8')",
        "read_text(schema, value)",
    ],
)
def test_bytes_and_a_text_with_an_encoding_are_not(call):
    assert left_to_the_locale(call) == []
