"""What a stage's code is, as one string: the digest that decides what a change reruns."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script: Path, *modules: str) -> str:
    """SHA-256 (hex) of `script`, of `modules` and of every repcompare module they import.

    Comments, blank lines, formatting and docstrings do not count; imports inside functions do.
    `modules` (dotted names) are what the script imports by a name it computes.
    """
    pending = [Path(script).resolve(), *(_file(module) for module in modules)]
    closure: set[Path] = set()
    while pending:
        path = pending.pop()
        if path not in closure:
            closure.add(path)
            pending.extend(_read(path)[1])
    digest = hashlib.sha256()
    for path in sorted(closure, key=lambda path: (path.parent.name, path.name)):
        digest.update(f"{path.name}\n{_read(path)[0]}\n".encode())
    return digest.hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) of the names and bytes of files that are neither code nor results."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@functools.cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    tree = ast.parse(path.read_text(), filename=str(path))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, path)
            imports += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            # Without a statement, a body would not unparse like one that never had a docstring.
            node.body = node.body[1:] or [ast.Pass()]
    names = {name for name in imports if name.split(".")[0] == PACKAGE.name}
    return ast.unparse(tree), tuple(sorted({file for name in names for file in _files(name)}))


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    parts = path.relative_to(PACKAGE.parent).parts[: -node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _files(name: str) -> list[Path]:
    """The file of a dotted module and of each package above it; nothing for a function's name."""
    parts = name.split(".")
    found = []
    for depth in range(1, len(parts) + 1):
        base = PACKAGE.parent.joinpath(*parts[:depth])
        found += [
            file for file in (base / "__init__.py", base.with_suffix(".py")) if file.is_file()
        ]
    return found


def _file(name: str) -> Path:
    path = PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")
    if not path.is_file():
        raise ModuleNotFoundError(f"no module {name} in {PACKAGE}")
    return path
