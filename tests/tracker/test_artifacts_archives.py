import io
import os
import stat
import struct
import zipfile

import pytest

from tracker.exceptions import ArtifactError, NotFoundError, UnsafePathError
from tracker.files import open_artifacts


def store_of(folder, number):
    return open_artifacts(f"artifacts/0/{number:032x}/artifacts", folder)


@pytest.fixture
def store(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"weights", "model/weights.pt")
    store.log_bytes("ü".encode(), "plots/100% ä.txt")
    return store


def zipped(store, path=None):
    target = io.BytesIO()
    store.export_zip(target, path)
    target.seek(0)
    return target


def archive_of(*members):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in members:
            archive.writestr(name, b"planted")
    target.seek(0)
    return target


def contents(store):
    return {info.path: store.local_path(info.path).read_bytes() for info in store.walk()}


def test_a_zip_of_a_run_holds_every_file_under_its_path(store):
    with zipfile.ZipFile(zipped(store)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents(store)


@pytest.mark.parametrize("path", ["model", "model/weights.pt"])
def test_a_zip_of_a_part_keeps_the_whole_paths(store, path):
    with zipfile.ZipFile(zipped(store, path)) as archive:
        assert archive.namelist() == ["model/weights.pt"]


def test_a_zip_can_be_streamed_into_a_pipe(store, tmp_path):
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as target:
        store.export_zip(target)
    with os.fdopen(reader, "rb") as source:
        (tmp_path / "out.zip").write_bytes(source.read())
    assert zipfile.ZipFile(tmp_path / "out.zip").testzip() is None


def test_the_same_files_make_the_same_zip(store, tmp_path):
    other = store_of(tmp_path, 2)
    other.import_zip(zipped(store))
    assert zipped(other).getvalue() == zipped(store).getvalue()


def test_a_zip_comes_back_whole_below_a_folder(store, tmp_path):
    other = store_of(tmp_path, 2)
    other.import_zip(zipped(store), "from/1")
    assert contents(other) == {f"from/1/{path}": data for path, data in contents(store).items()}


def test_a_zip_of_nothing_is_an_error_that_names_it(store):
    with pytest.raises(NotFoundError, match="no artifact 'modle'"):
        zipped(store, "modle")


def test_a_run_without_artifacts_gives_an_empty_zip(tmp_path):
    assert zipfile.ZipFile(zipped(store_of(tmp_path, 3))).namelist() == []


@pytest.mark.parametrize(
    "member",
    ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\x", "%2e%2e/x", "%252e%252e/x", ".blobs/x",
     "../", "//proc/self/root/x", "a//b", "./x", "a\x1b"],
)  # fmt: skip
def test_an_unsafe_archive_member_is_refused_and_nothing_is_stored(tmp_path, member):
    store = store_of(tmp_path, 1)
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.import_zip(archive_of("fine.txt", member))
    assert store.list() == []


def test_an_archive_member_with_a_nul_is_refused(tmp_path):
    data = archive_of("a.txt_.png").getvalue().replace(b"a.txt_", b"a.txt\0")
    with pytest.raises(UnsafePathError, match="control character"):
        store_of(tmp_path, 1).import_zip(io.BytesIO(data))


def test_an_archive_member_that_is_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UnsafePathError, match="unsafe archive member 'link': it is a link"):
        store_of(tmp_path, 1).import_zip(archive_of(link))


def test_an_archive_stored_below_an_unsafe_folder_is_refused(tmp_path):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store_of(tmp_path, 1).import_zip(archive_of("x"), "../up")


def test_something_that_is_no_zip_is_one_clear_sentence(tmp_path):
    with pytest.raises(ArtifactError, match="cannot read the zip archive"):
        store_of(tmp_path, 1).import_zip(io.BytesIO(b"PK nonsense"))


def test_a_member_with_a_wrong_checksum_is_not_stored(tmp_path):
    store = store_of(tmp_path, 1)
    data = archive_of("x.txt").getvalue().replace(b"planted", b"PLANTED")
    with pytest.raises(ArtifactError, match="cannot read the zip archive"):
        store.import_zip(io.BytesIO(data))
    assert store.list() == []


def test_a_member_that_cannot_be_unpacked_is_one_clear_sentence(tmp_path):
    store = store_of(tmp_path, 1)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.txt", b"planted" * 100)
    data = bytearray(target.getvalue())
    data[30 + len("x.txt")] = 0xFF  # The first byte of the packed data.
    with pytest.raises(ArtifactError, match="cannot read the zip archive: Error -3"):
        store.import_zip(io.BytesIO(data))
    assert store.list() == []


def test_a_member_said_to_be_longer_than_the_archive_is_one_clear_sentence(tmp_path):
    store = store_of(tmp_path, 1)
    data = archive_of("x.txt").getvalue()
    longer = data.replace(struct.pack("<II", 7, 7), struct.pack("<II", 7000, 7000))
    with pytest.raises(ArtifactError, match=r"cannot read the zip archive: (it ends|Overlapped)"):
        store.import_zip(io.BytesIO(longer))
    assert store.list() == []
