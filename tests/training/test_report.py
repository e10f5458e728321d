"""What a person sees, on any terminal and on none."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tracker import TrackingClient
from training.__main__ import main
from training.outcome import EpochResult, Outcome
from training.process import TolerantOutput
from training.report import HEADINGS, RunHeader, TerminalReport, print_summary, summary_table

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")


def outcome_named(name):
    metrics = {"test_accuracy": 0.9239, "test_blurred_accuracy": 0.8609}
    return Outcome("default", "0" * 32, name, "FINISHED", metrics, {"test_accuracy": 0.0006}, 4.1)


def shown_on(width, name="blurred_dataset_3f2a91bc"):
    console = Console(width=width, file=io.StringIO(), markup=False, emoji=False)
    console.print(summary_table([outcome_named(name)], "mnist", console))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_summary_shows_its_numbers_on_a_terminal_of_any_width(width):
    shown = shown_on(width)
    flat = "".join(shown.split()).replace("│", "")
    assert "Accuracyin%" in flat
    assert "92.39±0.06" in flat
    assert "86.09" in flat
    assert max(map(len, shown.splitlines())) <= width


def test_a_summary_of_several_seeds_is_a_table_on_a_terminal_of_80_columns():
    metrics = {"test_accuracy": 0.8746, "test_blurred_accuracy": 0.8925}
    spread = {"test_accuracy": 0.0021, "test_blurred_accuracy": 0.0006}
    name = "blurred_dataset_3f2a91bc"
    outcome = Outcome("blurred_dataset", "0" * 32, name, "FINISHED", metrics, spread, 100.0)
    table = summary_table([outcome], "mnist", Console(width=80))
    assert [column.header for column in table.columns] == list(HEADINGS)


@pytest.mark.parametrize("name", ["x[/b]_1", "cnn[small]_1", ":smile:_1", "[red]a_1", "\\[a]_1"])
def test_a_name_that_looks_like_markup_is_shown_as_it_is(capsys, name):
    assert name in shown_on(100, name)
    print_summary([outcome_named(name)], "mnist", Path(f"/{name}.db"))
    printed = capsys.readouterr().out
    assert f"│ {name} " in printed
    assert f"--db {shlex.quote(f'/{name}.db')} ui" in printed


def test_a_path_cannot_steer_the_terminal(capsys):
    print_summary([], "mnist", Path("/a\x1b[2J.db"))
    assert "\x1b" not in capsys.readouterr().out


def bar_on(width, run):
    """What a terminal is sent when a run begins, and the line it shows at the end."""
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    report = TerminalReport(console)
    report.run_started(run)
    begun = console.file.getvalue()
    report.epoch_done(EpochResult(run.epochs, 2.3026, 0.1, 2.3026, 0.1, 0.28, 170_000.0))
    report.run_ended()
    return begun, console.file.getvalue().rpartition("\x1b[2K")[2].partition("\n")[0]


@pytest.mark.parametrize("seed", [None, 42])
@pytest.mark.parametrize("width", [40, 80, 82, 90, 120])
def test_a_bar_shows_whole_what_a_terminal_of_any_width_has_room_for(width, seed):
    _, shown = bar_on(width, RunHeader("blurred_dataset", seed, "blurred_dataset_1", 12))
    assert "12/12 epochs" in shown
    assert "…" not in shown
    assert "val 2.3026 0.1000" in shown or width == 40
    assert len(shown) <= width


def test_a_run_says_its_seed_where_there_are_several():
    run = RunHeader("default", 43, "default_3f2a91bc", 10)
    assert str(run) == "default, seed 43: run default_3f2a91bc, 10 epochs"
    begun, shown = bar_on(100, run)
    assert "seed 43" in shown
    assert "default_3f2a91bc" in begun


def test_a_run_that_goes_on_says_how_much_is_left():
    run = RunHeader("default", None, "default_3f2a91bc", 10, done=4)
    assert str(run) == "default: run default_3f2a91bc, 6 of 10 epochs left"
    assert " 4/10 epochs" in bar_on(100, run)[0]
    assert str(RunHeader("default", None, "a", 1)) == "default: run a, 1 epoch"


def test_a_bar_counts_whole_epochs():
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system=None)
    report = TerminalReport(console)
    report.run_started(RunHeader("default", None, "default_3f2a91bc", 5))
    report.batch_done(1, 90, 100)
    report.run_ended()
    assert "0/5 epochs" in console.file.getvalue()
    assert "1/5 epochs" not in console.file.getvalue()


def test_the_name_of_a_run_cannot_steer_the_terminal():
    """It may have been renamed before it went on."""
    assert "\x1b" not in str(RunHeader("default", None, "a\x1b[2J", 10))
    assert "\x1b[2J" not in bar_on(100, RunHeader("default", None, "a\x1b[2J", 10))[0]
    assert "\x1b" not in shown_on(100, "a\x1b[2J")


@needs_full
def test_what_is_written_to_a_full_disk_is_dropped():
    with FULL.open("w") as stream:
        output = TolerantOutput(stream)
        print("first", file=output, flush=True)
        assert output.failure.strerror == "No space left on device"
        print("second", file=output, flush=True)


def in_shell(study_file, redirection):
    """Runs the study with its streams redirected by a shell."""
    words = [sys.executable, "-m", "training", "--config", str(study_file), "--only", "extra"]
    return subprocess.run(
        ["sh", "-c", f"exec {shlex.join(words)} {redirection}"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
        check=False,
    )


def statuses(study_file):
    found = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    return [run.info.status for run in found]


@needs_full
def test_a_study_whose_output_is_full_is_trained_to_its_end(study_file):
    result = in_shell(study_file, "> /dev/full")
    assert result.stderr == "error: not all output could be written: {}\n".format(
        "No space left on device"
    )
    assert result.returncode == 1
    assert statuses(study_file) == ["FINISHED"]


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_study_with_closed_streams_is_trained_to_its_end(study_file, closed):
    result = in_shell(study_file, closed)
    assert (result.returncode, result.stderr) == (0, "")
    assert statuses(study_file) == ["FINISHED"]


@needs_full
def test_a_mistake_that_cannot_be_told_has_its_exit_code(study_file):
    assert in_shell(study_file, "--seeds 0x 2> /dev/full").returncode == 2
    assert in_shell(study_file, "--data-root /dev/null/x 2> /dev/full").returncode == 1


@pytest.mark.parametrize("mistake", [["--only", "defualt"], ["--seed", "x"], ["--set", "x=3"]])
@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_many_processes_the_first_tells_a_mistake(
    study_file, monkeypatch, capsys, mistake, rank
):
    monkeypatch.setenv("RANK", rank)
    try:
        code = main(["--config", str(study_file), *mistake])
    except SystemExit as error:  # how argparse leaves
        code = error.code
    assert bool(code) == (rank == "0")
    assert ("error: " in capsys.readouterr().err) == (rank == "0")


@pytest.mark.slow
@pytest.mark.parametrize(
    "mistake", ["data_prep.source=mnist", "tracking.database=/dev/null/x", "paths.root=/dev/null/x"]
)
def test_of_two_processes_one_tells_why_there_is_no_study(study_file, mistake):
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *("-m", "training", "--config", str(study_file), "--set", "data_prep.download=false"),
        *("--set", mistake),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 1
    assert result.stderr.count("error: ") == 1
    assert "RuntimeError" not in result.stderr


def test_output_over_a_stream_that_is_closed_already_can_be_closed():
    stream = io.StringIO()
    output = TolerantOutput(stream)
    stream.close()
    output.close()
    assert output.failure is None
