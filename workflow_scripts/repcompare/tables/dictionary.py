"""Print docs/tables.md: what every table and HDF5 file of a study holds.

python -m repcompare.tables.dictionary > docs/tables.md
"""

from collections.abc import Iterable, Iterator, Sequence

from repcompare.storage.layouts import LAYOUTS, Item, Layout
from repcompare.tables.columns import Column, Table
from repcompare.tables.schema import TABLES

INTRODUCTION = """\
# What the files hold

Every table (CSV) and HDF5 file of a study, below `results/{study}/`. Made by `make docs/tables.md` from
`workflow_scripts/repcompare/tables/schema.py`, which the jobs check what they write against, and from
`workflow_scripts/repcompare/storage/layouts.py`, which the tests check the files against. What the measures
are: [measures.md](measures.md); how the findings are tested: [statistics.md](statistics.md).

- Tables are comma-separated, with a header, in UTF-8; read them with only the empty cell as missing, so that an
  architecture may be called `NA`, and columns of kind text as text, so that one may be called `01`, `1.10` or `True`
  and an `epsilon_label` of `1` stays what the config says: `repcompare.tables.files.read_table(path)`, or in pandas
  `read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(["architecture", "epsilon_label"], str))`
  with all such columns of the table.
- An empty number is undefined, and the row's `note` says why; a column that is empty "in others" has
  numbers in rows of one kind alone. Other cells are never empty but where it is said.
- A value may lie outside its range by rounding, up to 10⁻⁹.
- Braces in a name stand for what depends on the study: `{family}` for a family of maps, `{measure}` for a measure of
  geometry, `{ball}` for norm and bound, such as `linf_8_255`, `{start}` for the start of the inversions.
- `source` and `target` are ordered; `model_a` and `model_b` are not, but of a directed measure.
- Every file says whether it is what was written, and where. Of a table, a file beside it does, of the same name and
  .sha256: in the folder of results `sha256sum -c digits/tables/*.sha256` checks them. An HDF5 file has the SHA-256 of
  its bytes in the 512 before them, and its place as the attribute `written_as`; a JSON record both as keys; of weights
  `record.json` has it. Whoever reads a file checks that, and `make verify STUDY=…` checks all:
  [reliability.md](reliability.md).
"""

STORED = """\
## Tables of blocks and models

What the tables above are joined from. The digests are those of the activations that a row was made from: the summary
refuses rows of others.
"""

EXPORT = """\
## Tables of an export

What `make export` writes beside the images, see [export.md](export.md).
"""

COMBINED = """\
## Tables of several studies

What `make combine` writes beside its page, see [combine.md](combine.md). They lie below `results/`.
"""

HDF5 = """\
## HDF5 files

Shapes: n images, C channels, H × W pixels, K classes, d units of a layer, m models. What is optional is marked so.
"""


def dictionary() -> str:
    """The document."""
    study = [table for name, table in TABLES.items() if "/" not in name]
    stored = [table for name, table in TABLES.items() if name.startswith(("blocks/", "models/"))]
    exported = [table for name, table in TABLES.items() if name.startswith("export/")]
    combined = [table for name, table in TABLES.items() if name.startswith("combined/")]
    parts = [
        INTRODUCTION,
        "## Tables of a study\n",
        *(table_section(table, table.columns) for table in study),
        STORED,
        *map(stored_section, stored),
        EXPORT,
        *(table_section(table, table.columns) for table in exported),
        COMBINED,
        *(table_section(table, table.columns) for table in combined),
        HDF5,
        *map(layout_section, LAYOUTS.values()),
    ]
    return "\n".join(parts)


def table_section(table: Table, columns: Iterable[Column], said: str = "") -> str:
    """A table: where it lies, what a row is, and its columns."""
    keys = ", ".join(f"`{key}`" for key in table.keys)
    lines = [f"### `{table.path}`", "", f"{table.meaning} {said or f'Rows differ in {keys}.'}", ""]
    names = ("column", "meaning", "unit", "range", "may be empty")
    return "\n".join([*lines, *markdown(names, map(column_row, columns))])


def stored_section(table: Table) -> str:
    """A table of a block or a model, by what sets it apart from that of the study."""
    joined = TABLES[table.name.rpartition("/")[2]]
    own = [column for column in table.columns if column not in joined.columns]
    lacking = [name for name in joined.names if name not in table.names]
    if joined.keys != table.keys:
        return table_section(table, table.columns)
    said = f"The columns of `{joined.path}`"
    said += "".join(f", without `{name}`" for name in lacking)
    if not own:
        return f"### `{table.path}`\n\n{table.meaning} {said}.\n"
    return table_section(table, own, f"{said}, and:")


def layout_section(layout: Layout) -> str:
    """An HDF5 file: where it lies, what it is, its data sets and attributes."""
    lines = [f"### `{layout.path}`", "", layout.meaning, ""]
    lines += markdown(("data set", "type", "shape", "meaning"), map(item_row, layout.datasets))
    names = ("attribute", "type", "shape", "meaning")
    return "\n".join([*lines, *markdown(names, map(item_row, layout.attributes))])


def column_row(column: Column) -> tuple[str, ...]:
    """The cells of a column of a table."""
    return (
        f"`{column.name}`",
        column.meaning,
        column.unit,
        range_of(column),
        "in others" if column.of_some else "yes" if column.empty else "",
    )


def range_of(column: Column) -> str:
    """What a column may hold."""
    if column.values:
        return ", ".join(f"`{value}`" for value in column.values)
    kinds = {"text": "text", "bool": "True, False", "int": "whole", "float": ""}
    return ", ".join(filter(None, (kinds[column.kind], column.allowed))) or "any number"


def item_row(item: Item) -> tuple[str, ...]:
    """The cells of a data set or an attribute."""
    name = f"`{item.name}` of `{item.group}`" if item.group else f"`{item.name}`"
    shape = f"({', '.join(item.shape)})" if item.shape else ""
    return name + (", optional" if item.optional else ""), item.dtype, shape, item.meaning


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table in markdown, and an empty one."""
    yield f"| {' | '.join(names)} |"
    yield f"| {' | '.join('---' for _ in names)} |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


if __name__ == "__main__":
    print(dictionary(), end="")
