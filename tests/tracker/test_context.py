from __future__ import annotations

import json
import subprocess

import pytest

import tracker
from tracker import context
from tracker.client import TrackingClient
from tracker.exceptions import InvalidValueError


@pytest.fixture
def git(tmp_path):
    """A repository in `tmp_path` with one commit; runs git in it."""

    def run(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", *identity, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q", "-b", "main")
    (tmp_path / "train.py").write_text("import tracker\ntracker.log_metric('m', 1)\n")
    run("add", "train.py")
    run("commit", "-q", "-m", "x")
    return run


def only_run(folder):
    client = TrackingClient(folder / "tracking.db")
    (run,) = client.search_runs(["0"])
    return client, run


def test_a_run_captures_who_started_it_how_and_where(tmp_path, python):
    python("import tracker; tracker.start_run()", "--epochs", "two words")
    _, run = only_run(tmp_path)
    tags = run.data.tags
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("-c", "LOCAL")
    assert tags["tracker.command"].endswith("--epochs 'two words'")
    assert all(tags[f"tracker.{key}"] for key in ("host", "pid", "python"))
    assert tags["mlflow.user"] == run.info.user_id


def test_the_installed_packages_are_kept(tmp_path, python):
    python("import tracker; tracker.start_run()")
    client, run = only_run(tmp_path)
    text = client.artifacts(run.info.run_id).local_path(context.PACKAGES_FILE).read_text()
    assert f"ml-tracker=={tracker.__version__}\n" in text


def test_a_clean_checkout_is_its_commit_and_branch(tmp_path, git, python):
    python("import runpy, sys; sys.argv = ['train.py']; runpy.run_path('train.py')")
    client, run = only_run(tmp_path)
    tags = run.data.tags
    assert tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD")
    assert (tags["mlflow.source.git.branch"], tags["tracker.git.dirty"]) == ("main", "false")
    names = [file.path for file in client.list_artifacts(run.info.run_id, "environment")]
    assert names == [context.PACKAGES_FILE]


def test_uncommitted_changes_are_kept_as_a_diff(tmp_path, git, python):
    (tmp_path / "train.py").write_text("import tracker\ntracker.log_metric('m', 2)\n")
    python("import tracker; tracker.start_run()")
    client, run = only_run(tmp_path)
    diff = client.artifacts(run.info.run_id).local_path(context.DIFF_FILE).read_text()
    assert run.data.tags["tracker.git.dirty"] == "true"
    assert "+tracker.log_metric('m', 2)" in diff
    assert git("status", "--short", "train.py") == "M train.py"


GIT_CANNOT_TELL = {
    "not installed": "os.environ['PATH'] = ''",
    "refused": "os.environ['GIT_TEST_ASSUME_DIFFERENT_OWNER'] = '1'",
    "too slow": "context.GIT_TIMEOUT_SECONDS = 1e-9",
}


@pytest.mark.parametrize("trouble", GIT_CANNOT_TELL.values(), ids=GIT_CANNOT_TELL)
def test_a_checkout_of_which_git_cannot_tell_is_called_neither_clean_nor_dirty(
    tmp_path, git, python, trouble
):
    (tmp_path / "train.py").write_text("import tracker\ntracker.log_metric('m', 2)\n")
    python(f"import os, tracker; from tracker import context; {trouble}; tracker.start_run()")
    _, run = only_run(tmp_path)
    assert run.data.tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD")
    assert "tracker.git.dirty" not in run.data.tags


def test_a_large_diff_is_cut_and_says_so(tmp_path, git):
    (tmp_path / "train.py").write_text("x" * (context.MAX_DIFF_BYTES + 100))
    git("status")
    diff = context.uncommitted(tmp_path)
    assert len(diff) < context.MAX_DIFF_BYTES + 100
    assert b"[cut: the diff has" in diff


@pytest.mark.parametrize("pack", [False, True])
def test_a_commit_is_read_from_loose_and_packed_refs_and_worktrees(tmp_path, git, pack):
    git("worktree", "add", "-q", "-b", "side", "tree")
    if pack:
        git("pack-refs", "--all")
    context.git_commit.cache_clear()
    assert context.git_commit(tmp_path / "tree") == git("rev-parse", "HEAD")


@pytest.mark.parametrize("off", ["0", "false"])
def test_capture_can_be_switched_off(tmp_path, git, python, off):
    git("status")
    python(
        f"import os; os.environ['TRACKER_CAPTURE'] = {off!r}; import tracker; tracker.start_run()"
    )
    client, run = only_run(tmp_path)
    assert client.list_artifacts(run.info.run_id) == []


@pytest.mark.usefixtures("database")
def test_a_nested_run_leaves_the_environment_to_its_parent():
    with tracker.start_run(), tracker.start_run(nested=True):
        assert tracker.list_artifacts() == []


def wait_for_sample(run_id):
    for _ in range(10_000_000):
        found = tracker.get_run(run_id).data.metrics
        if found:
            return found
    raise AssertionError("no sample came")


@pytest.mark.usefixtures("database", "_usual_interval")
def test_system_metrics_are_sampled_into_the_run_that_asks():
    tracker.set_system_metrics_sampling_interval(0.01)
    with tracker.start_run(log_system_metrics=True) as run:
        found = wait_for_sample(run.info.run_id)
    assert 0 <= found["system/cpu_utilization_percentage"] <= 100
    assert found["system/system_memory_usage_megabytes"] > 1
    with tracker.start_run() as quiet:
        pass
    assert tracker.get_run(quiet.info.run_id).data.metrics == {}


@pytest.mark.usefixtures("database", "_usual_interval")
def test_the_samples_of_a_resumed_run_go_on_after_its_last():
    tracker.set_system_metrics_sampling_interval(0.01)
    key = "system/disk_usage_percentage"
    with tracker.start_run() as run:
        tracker.log_metric(key, 1.0, step=40)
        tracker.log_metric("system/cpu_utilization_percentage", 1.0, step=30)
    with tracker.start_run(run_id=run.info.run_id, log_system_metrics=True):
        while len(tracker.get_metric_history(run.info.run_id, key)) < 3:
            pass
    steps = [point.step for point in tracker.get_metric_history(run.info.run_id, key)]
    assert steps[:3] == [40, 41, 42]


@pytest.fixture
def _usual_interval():
    yield
    tracker.set_system_metrics_sampling_interval(None)


@pytest.mark.usefixtures("database", "_usual_interval")
@pytest.mark.parametrize("wrong", [0, -1, "x", float("nan"), float("inf"), 1e300, []], ids=repr)
def test_a_sampling_interval_is_a_time_above_zero(wrong):
    tracker.set_system_metrics_sampling_interval("0.01")
    with pytest.raises(InvalidValueError, match="above 0 seconds, not"):
        tracker.set_system_metrics_sampling_interval(wrong)
    with tracker.start_run(log_system_metrics=True) as run:
        assert wait_for_sample(run.info.run_id)


@pytest.mark.parametrize(
    ("trouble", "statuses"),
    [
        ("open('psutil.py', 'w').write('raise ImportError')", "FINISHED"),
        ("threading.stack_size(1 << 46)", "FAILED FINISHED"),
    ],
    ids=["no psutil", "no room for a thread"],
)
def test_a_run_that_cannot_be_sampled_is_not_left_behind(python, trouble, statuses):
    done = python(
        f"""
import threading, tracker
with tracker.start_run():
    pass
{trouble}
try:
    tracker.start_run(log_system_metrics=True)
except (tracker.UnsupportedError, RuntimeError):
    assert tracker.active_run() is None
    print(*sorted(run.info.status for run in tracker.search_runs(output_format="list")))
"""
    )
    assert done.stdout.strip() == statuses


DRIVER = """
class NVMLError(Exception): pass
class NVMLError_NotSupported(NVMLError): pass
class Numbers: gpu, used, total = 40, 3e6, 12e6
def nvmlInit(): pass
def nvmlDeviceGetCount(): return 2
def nvmlDeviceGetHandleByIndex(index): return index
def told(handle, by):
    if handle != by: raise NVMLError_NotSupported
    return Numbers
def nvmlDeviceGetUtilizationRates(handle): return told(handle, 0)
def nvmlDeviceGetMemoryInfo(handle): return told(handle, 1)
"""


def test_what_a_gpu_does_not_tell_is_left_out_of_a_sample(tmp_path, python):
    (tmp_path / "pynvml.py").write_text(DRIVER)
    code = """
import json
from tracker.system_metrics import SystemMetrics
print(json.dumps(SystemMetrics(None, 1.0).sample()))
"""
    found = json.loads(python(code).stdout)
    assert {key: value for key, value in found.items() if "gpu" in key} == {
        "system/gpu_0_utilization_percentage": 40,
        "system/gpu_1_memory_usage_megabytes": 3,
        "system/gpu_1_memory_usage_percentage": 25,
    }
    assert "system/cpu_utilization_percentage" in found
