"""Links are found wherever below a folder they are, and the folder may be one."""

from repcompare.storage.links import symbolic_links


def test_links_to_files_and_to_folders_are_found_and_not_followed(tmp_path):
    (tmp_path / "elsewhere" / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere" / "link").symlink_to("inner")
    (results := tmp_path / "results").symlink_to("elsewhere")
    (results / "inner" / "file").symlink_to("nothing")
    found = set(symbolic_links(results, tmp_path / "absent"))
    assert found == {results / "link", results / "inner" / "file"}
