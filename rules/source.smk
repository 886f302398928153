import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from git import Repo
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def folder_of(source):
    """The folder on this machine of the folder of the workflow that `source` is to Snakemake.

    Where the workflow is a module that another takes from a repository, Snakemake reads it file by
    file, and a library is imported from a folder: the commit is then written out once, to
    .snakemake/repcompare/. Files get the date of the commit, so that they are no newer than results.
    """
    if isinstance(source, LocalSourceFile):
        return Path(source.path).resolve()
    if isinstance(source, LocalGitFile):
        repository = Repo(source.repo_path)
    elif isinstance(source, HostingProviderFile):
        repository = source.hosted_repo.repo
    else:
        raise WorkflowError(
            f"repcompare cannot be used from {source}; allowed: a folder, github, gitlab, gitfile"
        )
    commit = repository.commit(source.ref).hexsha
    folder = Path(".snakemake", "repcompare", commit).absolute()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as temporary:
            archive, files = Path(temporary, "archive.tar"), Path(temporary, "files")
            with archive.open("wb") as stream:
                repository.archive(stream, commit, format="tar")
            with tarfile.open(archive) as tar:
                tar.extractall(files, filter="data")
            try:
                files.rename(folder)
            except OSError:
                # Another job on this machine was faster.
                if not folder.exists():
                    raise
    return folder / source.path


WORKFLOW = folder_of(workflow.current_basedir.join(".."))
