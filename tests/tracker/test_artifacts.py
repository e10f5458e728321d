"""What a user of a run's files sees, on a local disk."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tracker.entities import FileInfo
from tracker.exceptions import ArtifactError, InvalidValueError, NotFoundError, UnsafePathError
from tracker.files import open_artifacts
from tracker.files.atomic import leftovers
from tracker.files.paths import safe_path

RUN = "0123456789abcdef" * 2
URI = f"artifacts/0/{RUN}/artifacts"


@pytest.fixture
def store(tmp_path):
    return open_artifacts(URI, tmp_path)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "out" / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.pt").write_bytes(b"\0\1\2")
    (folder / "sub" / "100% a#b?.txt").write_text("config")
    return folder


def test_opening_a_run_creates_nothing(store, tmp_path):
    assert store.list() == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_lies_where_mlflow_looks_for_it(store, tmp_path, model):
    store.log_file(model / "weights.pt", "model/best")
    assert (tmp_path / URI / "model" / "best" / "weights.pt").read_bytes() == b"\0\1\2"


def test_a_folder_keeps_its_shape_and_odd_but_legal_names(store, model):
    store.log_folder(model, "m")
    assert [info.path for info in store.walk()] == ["m/sub/100% a#b?.txt", "m/weights.pt"]


def test_a_folder_given_as_a_file_keeps_its_name(store, model):
    store.log_file(model)
    assert [info.path for info in store.walk("model/sub")] == ["model/sub/100% a#b?.txt"]


def test_a_folder_given_by_where_it_is_from_here_keeps_its_name(store, model, monkeypatch):
    monkeypatch.chdir(model)
    store.log_file(".")
    assert [info.path for info in store.list()] == [model.name]


@pytest.mark.parametrize("verb", ["log_file", "log_folder", "log_files"])
def test_an_empty_path_is_not_the_working_directory(store, tmp_path, monkeypatch, verb):
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValueError, match=r"is empty: name a file or a folder, '\.' for"):
        getattr(store, verb)([""] if verb == "log_files" else "")
    assert store.list() == []


def test_list_shows_one_level_sorted_with_paths_from_the_root(store, model):
    store.log_folder(model, "m")
    assert store.list() == [FileInfo("m", is_dir=True)]
    assert store.list("m") == [
        FileInfo("m/sub", is_dir=True),
        FileInfo("m/weights.pt", is_dir=False, file_size=3),
    ]


def test_more_contents_than_a_batch_holds_are_all_stored(store):
    contents = {f"f/{number:03}.txt": b"%d" % number for number in range(100)}
    store.log_contents(contents)
    assert {
        info.path: store.local_path(info.path).read_bytes() for info in store.walk()
    } == contents


def test_contents_with_one_unsafe_name_are_not_stored_at_all(store):
    with pytest.raises(UnsafePathError, match="absolute"):
        store.log_contents({"fine.txt": b"x", "/etc/passwd": b"x"})
    assert list(store.walk()) == []


def test_several_files_are_stored_side_by_side_under_their_own_names(store, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    store.log_files([tmp_path / "a.txt", str(tmp_path / "b.txt")], "both")
    assert [store.local_path(info.path).read_text() for info in store.list("both")] == [
        "a.txt",
        "b.txt",
    ]


def test_a_missing_file_among_several_is_named_and_nothing_half_written(store, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ArtifactError, match=r"cannot log '.*gone\.txt': there is no such file"):
        store.log_files([tmp_path / "a.txt", tmp_path / "gone.txt"])
    assert list(leftovers(tmp_path, 0)) == []


@pytest.mark.parametrize("path", ["m/weights.pt", "nothing", "m/nothing"])
def test_list_of_a_file_or_of_nothing_is_empty(store, model, path):
    store.log_folder(model, "m")
    assert store.list(path) == []


def test_the_root_may_be_called_none_or_empty(store):
    store.log_bytes(b"x", "a/x.txt")
    assert store.list("") == store.list(None) == [FileInfo("a", is_dir=True)]
    assert store.local_path("") == store.local_path() == store.root


def test_a_missing_artifact_is_named_with_the_closest_match(store):
    store.log_bytes(b"x", "model/weights.pt")
    with pytest.raises(
        NotFoundError, match=r"no artifact 'model/weight\.pt'; did you mean 'model/"
    ):
        store.local_path("model/weight.pt")


@pytest.mark.parametrize("verb", ["local_path", "download"])
def test_a_run_without_artifacts_says_so(store, verb):
    with pytest.raises(NotFoundError, match="the run has no artifacts"):
        getattr(store, verb)(None)


@pytest.mark.parametrize("path", [None, "m", "m/sub/100% a#b?.txt"])
def test_a_download_has_the_last_part_of_the_name_and_belongs_to_the_caller(
    store, model, tmp_path, path
):
    store.log_folder(model, "m")
    found = store.download(path, tmp_path / "copy")
    assert found == tmp_path / "copy" / (path or "").split("/")[-1]
    (copy,) = (tmp_path / "copy").rglob("100% a#b?.txt")
    copy.write_text("changed")
    assert store.local_path("m/sub/100% a#b?.txt").read_text() == "config"


def test_a_download_without_a_destination_is_the_stored_file(store):
    store.log_bytes(b"x", "a/x.txt")
    assert store.download("a/x.txt") == store.root / "a" / "x.txt"


def test_a_download_that_is_not_there_creates_nothing(store, tmp_path):
    with pytest.raises(NotFoundError, match="no artifact 'x'"):
        store.download("x", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_logging_again_replaces_the_file(store):
    store.log_bytes(b"first", "note.txt")
    with store.open("note.txt") as earlier:
        store.log_bytes(b"second", "note.txt")
        assert earlier.read() == b"first"
    assert store.local_path("note.txt").read_bytes() == b"second"


def test_logging_the_same_bytes_again_leaves_no_second_name(store):
    store.log_bytes(b"same", "note.txt")
    store.log_bytes(b"same", "note.txt")
    assert list(store.root.iterdir()) == [store.root / "note.txt"]
    assert store.local_path("note.txt").stat().st_nlink == 2


@pytest.mark.parametrize("size", [5, 9 << 20], ids=["small", "large"])
def test_writing_to_the_logged_file_does_not_change_the_artifact(store, tmp_path, size):
    mine = tmp_path / "mine.bin"
    mine.write_bytes(b"a" * size)
    store.log_file(mine)
    store.log_file(mine, "again")
    with mine.open("r+b") as file:
        file.write(b"changed")
    assert store.local_path("mine.bin").read_bytes() == b"a" * size
    assert store.local_path("again/mine.bin").read_bytes() == b"a" * size


def test_a_changed_file_of_the_same_size_and_age_is_stored_anew(store, tmp_path):
    mine = tmp_path / "mine.bin"
    mine.write_bytes(b"a" * (9 << 20))
    status = mine.stat()
    store.log_file(mine, "first")
    with mine.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"b")
    os.utime(mine, ns=(status.st_atime_ns, status.st_mtime_ns))
    store.log_file(mine, "second")
    assert store.local_path("second/mine.bin").read_bytes()[-2:] == b"ab"


def test_stored_files_are_read_only(store):
    store.log_bytes(b"x", "x.txt")
    assert stat.S_IMODE(store.local_path("x.txt").stat().st_mode) & 0o222 == 0


def test_a_private_umask_keeps_artifacts_private(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; os.umask(0o077);"
        "from tracker.files import open_artifacts;"
        f"open_artifacts({URI!r}, Path(sys.argv[1])).log_bytes(b'x', 'x.txt')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert stat.S_IMODE((tmp_path / URI / "x.txt").stat().st_mode) == 0o400


def test_the_folder_of_the_process_may_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_artifacts(URI, Path())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.log_bytes(b"x", "x.txt")
    assert (tmp_path / URI / "x.txt").exists()


def test_the_whole_folder_may_move(tmp_path):
    (tmp_path / "old # 100% ?").mkdir()
    open_artifacts(URI, tmp_path / "old # 100% ?").log_bytes(b"x", "a#b/x?.txt")
    (tmp_path / "old # 100% ?").rename(tmp_path / "new %2e%2e")
    moved = open_artifacts(URI, tmp_path / "new %2e%2e")
    assert moved.local_path("a#b/x?.txt").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("setup", "path", "reason"),
    [
        ("folder/x.txt", "folder", "there is a folder of this name"),
        ("file", "file/x.txt", "there is a file where a folder is needed"),
        ("file", "file/a/x.txt", "there is a file where a folder is needed"),
    ],
)
def test_a_file_and_a_folder_of_one_name_are_one_clear_sentence(store, setup, path, reason):
    store.log_bytes(b"first", setup)
    with pytest.raises(ArtifactError, match=f"cannot log '{path}': {reason}"):
        store.log_bytes(b"second", path)
    assert [info.path for info in store.walk()] == [setup]


def test_a_missing_source_is_one_clear_sentence(store, tmp_path):
    missing = tmp_path / "missing.pt"
    with pytest.raises(ArtifactError, match=f"^cannot log '{missing}': there is no such file$"):
        store.log_file(missing)
    with pytest.raises(ArtifactError, match="there is no such folder"):
        store.log_folder(missing)
    assert not store.root.exists()


def test_opening_a_folder_to_read_is_one_clear_sentence(store):
    store.log_bytes(b"x", "a/x.txt")
    with pytest.raises(ArtifactError, match="cannot read 'a': not a regular file"):
        store.open("a")


def test_a_deleted_database_folder_is_not_made_again(tmp_path):
    with pytest.raises(ArtifactError, match="is gone"):
        open_artifacts(URI, tmp_path / "deleted")


def test_deleting_a_run_frees_its_bytes_and_its_folders(store):
    store.log_bytes(b"12345", "a/x.txt")
    store.log_bytes(b"12345", "b/y.txt")
    store.log_bytes(b"123", "z.txt")
    assert store.delete() == 8
    assert not store.root.parent.exists()
    assert store.delete() == 0


def test_a_run_without_our_layout_gets_plain_copies(tmp_path):
    store = open_artifacts("files", tmp_path)
    store.log_bytes(b"x", "x.txt")
    assert [path.name for path in tmp_path.rglob("*")] == ["files", "x.txt"]


names = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), min_size=1, max_size=3
).map("/".join)


@settings(deadline=None, max_examples=50)
@given(names, st.binary(max_size=3000))
def test_any_bytes_under_any_safe_name_come_back(name, data):
    try:
        safe_path(name)
    except UnsafePathError:
        assume(False)  # noqa: FBT003
    with tempfile.TemporaryDirectory() as folder:
        store = open_artifacts(URI, Path(folder))
        store.log_bytes(data, name)
        assert list(store.walk()) == [FileInfo(name, is_dir=False, file_size=len(data))]
        assert store.local_path(name).read_bytes() == data


@pytest.mark.parametrize("number", [1, 7, 8, 128, 300])
def test_a_folder_of_many_small_files_is_stored_whole(store, tmp_path, number):
    """From eight files on a whole batch is settled by one call."""
    folder = tmp_path / "many"
    for index in range(number):
        (folder / f"part {index % 7}").mkdir(parents=True, exist_ok=True)
        (folder / f"part {index % 7}" / f"{index}.txt").write_text(f"file {index // 2}")
    store.log_folder(folder)
    found = {info.path: store.local_path(info.path).read_text() for info in store.walk()}
    assert found == {
        f"part {index % 7}/{index}.txt": f"file {index // 2}" for index in range(number)
    }
    assert not [path for path in store.root.parents[3].rglob("*") if ".tracker-tmp-" in path.name]
