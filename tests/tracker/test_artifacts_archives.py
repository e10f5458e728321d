import io
import os
import stat
import struct
import zipfile

import pytest

from tracker.exceptions import InvalidValueError, NotFoundError, UnsafePathError
from tracker.files import open_artifacts
from tracker.files.archives import member_name
from tracker.maintenance.sources import unpacked


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


def names_of(archive):
    return [member_name(member) for member in zipfile.ZipFile(archive).infolist()]


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
    other.log_contents(contents(store))
    assert zipped(other).getvalue() == zipped(store).getvalue()


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
def test_an_unsafe_archive_member_is_refused(member):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        names_of(archive_of("fine.txt", member))


def test_an_archive_member_with_a_nul_is_refused():
    data = archive_of("a.txt_.png").getvalue().replace(b"a.txt_", b"a.txt\0")
    with pytest.raises(UnsafePathError, match="control character"):
        names_of(io.BytesIO(data))


def test_an_archive_member_that_is_a_link_is_refused():
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UnsafePathError, match="unsafe archive member 'link': it is a link"):
        names_of(archive_of(link))


@pytest.fixture
def bundle(tmp_path):
    def written(content=b"planted" * 100):
        with zipfile.ZipFile(tmp_path / "runs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("tracking.db", content)
        return tmp_path / "runs.zip"

    return written


def test_a_zip_comes_back_whole(bundle):
    with unpacked(bundle(b"planted")) as database:
        assert database.read_bytes() == b"planted"


def test_something_that_is_no_zip_is_one_clear_sentence(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")
    with (
        pytest.raises(InvalidValueError, match="is a damaged zip file"),
        unpacked(tmp_path / "x.zip"),
    ):
        pass


def test_a_member_with_a_wrong_checksum_is_refused(tmp_path):
    data = archive_of("tracking.db").getvalue().replace(b"planted", b"PLANTED")
    (tmp_path / "x.zip").write_bytes(data)
    with (
        pytest.raises(InvalidValueError, match="is a damaged zip file: Bad CRC"),
        unpacked(tmp_path / "x.zip"),
    ):
        pass


def test_a_member_that_cannot_be_unpacked_is_one_clear_sentence(bundle):
    path = bundle()
    data = bytearray(path.read_bytes())
    data[30 + len("tracking.db")] = 0xFF  # The first byte of the packed data.
    path.write_bytes(data)
    with pytest.raises(InvalidValueError, match="is a damaged zip file: Error -3"), unpacked(path):
        pass


def test_a_member_said_to_be_longer_than_the_archive_is_one_clear_sentence(tmp_path):
    data = archive_of("tracking.db").getvalue()
    longer = data.replace(struct.pack("<II", 7, 7), struct.pack("<II", 7000, 7000))
    (tmp_path / "x.zip").write_bytes(longer)
    with (
        pytest.raises(InvalidValueError, match="is a damaged zip file"),
        unpacked(tmp_path / "x.zip"),
    ):
        pass
