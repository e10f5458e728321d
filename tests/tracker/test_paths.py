import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.exceptions import AbsentFilesError, UnsafePathError
from tracker.files.paths import path_of_uri, resolve_inside, resolve_root, safe_path

ESCAPING = ["..", "../x", "a/../../x", "a/..", ". .", "...", "a/. /b", "./x", "a/./b", ".", "a/."]
ABSOLUTE = ["/etc/passwd", "//proc/self/root/etc/passwd", "//host/share", "/"]
BACKSLASHED = ["..\\..\\x", "\\\\host\\share", "a\\..\\b"]
DRIVES = ["C:/x", "C:\\x", "C:", "file:/etc/passwd", "file:///etc/passwd", "s3://bucket/x"]
CONTROL = ["a\0b", "a\nb", "\x1b[31m", "a\x7f", "a\x85b", "a\r"]
ENCODED = ["%2e%2e/x", "..%2fx", "%2E%2E%2Fx", ".%2e/x", "a/%2e%2e/%2e%2e/x", "%2fetc/passwd"]
TWICE_ENCODED = ["%252e%252e/x", "..%252fx", "%25252e%25252e/x", "a%255c..", "%2500x", "%00"]
EMPTY = ["", "a//b", "a/", " ", "a/ /b"]
TRICKS = ["x?/../../etc", "x#/../../etc", "a?b=/../c", "..;/x/..", "#/../x"]
RESERVED = [".blobs", ".blobs/ab/cd", "a/.BLOBS/x", ".tracker-tmp-1-ab", "a/.Tracker-tmp-x"]
TOO_LONG = ["a" * 256, "ä" * 128, "b/" + "a" * 256, "/".join(["a" * 200] * 11)]
NOT_TEXT = ["a\udc80b", "\ud800"]

REFUSED = [
    *ESCAPING, *ABSOLUTE, *BACKSLASHED, *DRIVES, *CONTROL, *ENCODED, *TWICE_ENCODED, *EMPTY,
    *TRICKS, *RESERVED, *TOO_LONG, *NOT_TEXT,
]  # fmt: skip
ACCEPTED = [
    "a", "a/b/c.txt", "100%.txt", "50%2", "a#b.txt", "a?b.txt", "what?#100%", ".hidden", "a..b",
    "..a", "a..", "日本語/ß é.txt", "a b", "ab:c", "~/x", "$HOME", "-rf", "a%20b", "%41",
    "a" * 255, "..﹒", "proc/self/root", "blobs", "tracker-tmp-x", "🎉",
]  # fmt: skip


@pytest.mark.parametrize("path", REFUSED, ids=ascii)
def test_a_path_that_could_lead_out_is_refused_by_name_and_rule(path):
    with pytest.raises(UnsafePathError, match=r"unsafe artifact path .*: .*it ") as error:
        safe_path(path)
    assert repr(path) in str(error.value)


@pytest.mark.parametrize("path", ACCEPTED, ids=ascii)
def test_a_plain_name_is_taken_as_it_is(path):
    assert safe_path(path) == path


@pytest.mark.parametrize("path", [b"a", Path("..\\b")], ids=repr)
def test_a_path_of_another_type_obeys_the_same_rules(path):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        safe_path(path)


def test_a_relative_path_object_is_taken_as_its_text():
    assert safe_path(Path("plots/loss.png")) == "plots/loss.png"


# Dots, separators and escapes are what attacks are made of, so they are drawn most often.
dangerous = st.text(st.sampled_from("./\\%25eEfFcC0aA:?#~ \0")) | st.text()


@given(dangerous)
def test_no_accepted_path_leads_out_however_often_it_is_decoded(path):
    try:
        safe_path(path)
    except UnsafePathError:
        return
    for _ in range(len(path) + 1):
        joined = os.path.normpath(f"/root/run/{path}")
        assert joined.startswith("/root/run/")
        path = unquote(path)


@given(st.lists(st.text(st.characters(categories=["L", "N", "S"]), min_size=1), min_size=1))
def test_letters_digits_and_symbols_make_a_safe_path_unless_they_spell_an_escape(segments):
    path = "/".join(segment[:60] for segment in segments[:8])
    if unquote(path) == path:
        assert safe_path(path) == path


@pytest.mark.parametrize("uri", ["sub/0/r", "./sub/0/r", "sub/0/r/", "a b/100%/#?"])
def test_a_relative_artifact_uri_is_a_plain_path_below_the_database(tmp_path, uri):
    found = path_of_uri(uri, tmp_path)
    assert os.path.normpath(found) == str(tmp_path / uri.removeprefix("./").rstrip("/"))


@pytest.mark.parametrize(
    "uri",
    ["file:///data/a%20b", "file:/data/a%20b", "file://localhost/data/a%20b", "/data/a b"],
)
def test_a_file_uri_means_its_decoded_path(tmp_path, uri):
    assert path_of_uri(uri, tmp_path) == Path("/data/a b")


@pytest.mark.parametrize(
    "uri",
    [
        "", ".", "..", "../other", "a/../../b", "a/%2e%2e/b", "/etc/../etc", "/a/%2e%2e/b", "//etc",
        "//proc/self/root/etc", "file:////etc", "file://host/etc", "file:///a?b", "file:///a#b",
        "file:///etc/../etc", "file:///etc/%2e%2e/etc", "file:///a/%252e%252e/b", "a\0b",
        "simplecache::file:///etc", "FILE:///etc", "..\\b", "file:///a%00b", "file:///..%5Cb",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_hostile_artifact_uri_is_refused(tmp_path, uri):
    for place in ("home/a", "other", "b"):
        (tmp_path / place).mkdir(parents=True)
    with pytest.raises(UnsafePathError, match=r"unsafe artifact (path|URI)"):
        path_of_uri(uri, tmp_path / "home")


@pytest.mark.skipif(os.name == "nt", reason="drives are here")
@pytest.mark.parametrize(
    "uri",
    [
        *(
            "../mlruns/0/x/artifacts",
            "a/../../b",
            "/a/../b",
            "file:///a/../b",
            "file:///a/%2e%2e/b",
        ),
        *("C:/Users/ada/mlruns", "c:\\Users\\ada", "file:///C:/Users/ada/mlruns/0/x/artifacts"),
    ],
)
def test_a_uri_of_another_machine_is_absent_not_unsafe(tmp_path, uri):
    with pytest.raises(AbsentFilesError, match="leads to no place on this machine"):
        path_of_uri(uri, tmp_path)


def test_a_place_that_is_not_there_is_absent_not_unsafe(tmp_path):
    with pytest.raises(AbsentFilesError, match="leads to no place on this machine"):
        resolve_root(tmp_path / "ada/mlruns/0/x", [tmp_path / "home"], "/ada/mlruns/0/x")


@pytest.mark.parametrize("uri", [None, b"artifacts/0", 7, ""], ids=repr)
def test_what_is_no_artifact_uri_is_refused(tmp_path, uri):
    with pytest.raises(UnsafePathError, match="does not say where the files are"):
        path_of_uri(uri, tmp_path)


def test_a_root_that_is_a_link_out_of_the_database_folder_is_refused(tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    (home / "artifacts").symlink_to(other)
    with pytest.raises(UnsafePathError, match="outside the database's folder"):
        resolve_root(home / "artifacts" / "0", [home], "artifacts/0")


def test_a_sibling_whose_name_starts_alike_is_outside(tmp_path):
    (tmp_path / "home2/x").mkdir(parents=True)
    with pytest.raises(UnsafePathError, match="outside the database's folder"):
        resolve_root(tmp_path / "home2" / "x", [tmp_path / "home"], "x")


def test_an_allowed_root_may_hold_a_run(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    root, boundary = resolve_root(elsewhere / "0", [tmp_path / "home", elsewhere], "shown")
    assert (root, boundary) == (elsewhere / "0", elsewhere)


def test_a_link_that_stays_in_the_run_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "latest").symlink_to("real")
    assert resolve_inside(tmp_path, "latest/x") == tmp_path / "real" / "x"
