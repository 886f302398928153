"""What a stage's code is, as one string: the digest that decides what a change reruns."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script: Path, *modules: str | Path) -> str:
    """SHA-256 (hex) of `script`, of `modules` and of every repcompare module they import.

    Comments, blank lines, formatting and docstrings do not count; imports inside functions do.
    Nor do the version of Python, the locale and the folder that the workflow lies in.
    `modules` are what the script imports by a name it computes: dotted names, or files of the
    user's own, with what they import of the files and packages beside them.
    """
    counted = _counted([script.resolve()], script.resolve().parent)
    for module in modules:
        if isinstance(module, Path):
            counted |= _counted([module.resolve()], module.resolve().parent)
        else:
            counted |= _counted(_files_of(module), PACKAGE.parent)
    digest = hashlib.sha256()
    for name, text in sorted(counted):
        digest.update(f"{name}\n{text}\n".encode())
    return digest.hexdigest()


def _counted(files: list[Path], root: Path) -> set[tuple[str, str]]:
    """Files and all that they import: what each counts as, its place below its root, and its text."""
    pending = [(file, root) for file in files]
    closure: set[tuple[Path, Path]] = set()
    while pending:
        path, root = pending.pop()
        if path.is_relative_to(PACKAGE):
            root = PACKAGE.parent
        if (path, root) not in closure:
            closure.add((path, root))
            pending += [(file, root) for file in _imported(path, root)]
    return {(path.relative_to(root).as_posix(), _read(path, root)[0]) for path, root in closure}


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) of the names and bytes of files that are neither code nor results."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def normal_form(tree: object) -> str:
    """A syntax tree as text that is the same in all versions of Python that parse its source.

    The texts of `ast.unparse` and `ast.dump` are not. Docstrings are left out, and so is every
    field that is empty: a later version may have fields that say only that new syntax is not used.
    """
    if isinstance(tree, list):
        return f"[{' '.join(map(normal_form, tree))}]"
    if tree is None:
        # In a list, for what is not there: a key of `{**a}`, which is not that of `{None: a}`.
        return "()"
    if isinstance(tree, ast.Constant):
        tree = tree.value
    if not isinstance(tree, ast.AST):
        # Not repr: which characters it escapes depends on the version's Unicode.
        return ascii(tree)
    fields = {name: getattr(tree, name, None) for name in sorted(tree._fields)}
    if isinstance(tree, DOCUMENTED) and ast.get_docstring(tree, clean=False) is not None:
        # A body of a docstring alone is like one that never had a docstring; a module needs no body.
        fields["body"] = tree.body[1:] or ([] if isinstance(tree, ast.Module) else [ast.Pass()])
    elif isinstance(tree, ast.JoinedStr):
        fields["values"] = _parts(tree)
    # `case False` and `case None` differ in nothing else.
    kept = (
        f" {key}={normal_form(value)}" for key, value in fields.items() if value or value is False
    )
    return f"({type(tree).__name__}{''.join(kept)})"


def _parts(string: ast.JoinedStr) -> list[str | ast.AST]:
    """The parts of an f-string, neighbouring texts as one: 3.12.1 adds some that are empty."""
    parts: list[str | ast.AST] = []
    text = ""
    for part in string.values:
        if not isinstance(part, ast.Constant):
            parts += [text, part]
            text = ""
        else:
            assert isinstance(part.value, str), "what is constant in an f-string is text"
            text += part.value
    return [part for part in (*parts, text) if part != ""]


@functools.cache
def _imported(path: Path, root: Path) -> frozenset[Path]:
    """The files that a file imports: of the package, and of those below its own root."""
    places = (
        (name, PACKAGE.parent if name.split(".")[0] == PACKAGE.name else root)
        for name in _read(path, root)[1]
    )
    return frozenset(file for name, place in places for file in _files(name, place))


@functools.cache
def _read(path: Path, root: Path) -> tuple[str, frozenset[str]]:
    """The normal form of a file, and the dotted names that it imports."""
    # Bytes, which Python reads as it does to run them: in UTF-8, whatever the locale.
    tree = ast.parse(path.read_bytes(), filename=str(path))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, path, root)
            imports += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return normal_form(tree), frozenset(filter(None, imports))


def _absolute(node: ast.ImportFrom, path: Path, root: Path) -> str:
    if not node.level:
        return node.module or ""
    parts = path.relative_to(root).parts[: -node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _files(name: str, root: Path) -> list[Path]:
    """The file of a dotted module and of each package above it; nothing for a function's name."""
    parts = name.split(".")
    found = []
    for depth in range(1, len(parts) + 1):
        base = root.joinpath(*parts[:depth])
        found += [
            file for file in (base / "__init__.py", base.with_suffix(".py")) if file.is_file()
        ]
    return found


def _files_of(module: str) -> list[Path]:
    """The files of a module, which must be one, and of the packages above it."""
    files = _files(module, PACKAGE.parent)
    if PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py") not in files:
        raise ModuleNotFoundError(f"no module {module} in {PACKAGE}")
    return files
