"""What is refused when the workflow is called, before any job starts."""


def refusal(study, *arguments, **options) -> str:
    outcome = study.call("--dry-run", *arguments, **options)
    assert outcome.returncode == 1
    assert outcome.jobs == set()
    return outcome.text


def test_a_file_whose_keys_are_there_twice_is_refused_by_its_line(new_study):
    file = new_study.folder / "tiny.yaml"
    lines = file.read_text(encoding="utf-8").count("\n")
    with file.open("a", encoding="utf-8") as opened:
        opened.write("seeds: [0, 1, 2]\n")
    assert f"tiny.yaml: line {lines + 1}: seeds stands in line" in refusal(new_study)


def test_a_target_of_a_model_or_a_block_that_the_study_lacks_is_refused(new_study):
    for target, said in (
        ("models/vgg/seed00/activations.h5", "tiny has no vgg/seed00; did you mean vgg/seed0?"),
        ("blocks/vgg--resnet/maps.csv", "tiny has no vgg--resnet; did you mean resnet--resnet?"),
    ):
        assert said in refusal(new_study, f"results/tiny/{target}")


def test_a_link_where_a_job_writes_in_place_is_refused(new_study, tmp_path):
    (outside := tmp_path / "outside").write_text("mine", encoding="utf-8")
    link = new_study.result("benchmarks/train/vgg/seed0.tsv")
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    assert "seed0.tsv: a symbolic link, and a job would write where it leads" in refusal(new_study)
    assert outside.read_text(encoding="utf-8") == "mine"


def test_null_on_the_command_line_is_null(new_study):
    arguments = ("data={name: digits, root: null}", "maps=null")
    outcome = new_study.call("--dry-run", "--config", *arguments)
    assert outcome.returncode == 0, outcome.text
