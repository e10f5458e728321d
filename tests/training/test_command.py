from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from contextlib import suppress

import pytest

from tracker import TrackingClient
from training.__main__ import main
from training.promote import main as promote
from training.sweep.__main__ import main as sweep


def runs_of(study_file):
    client = TrackingClient(study_file.parent / "tracking.db")
    experiment = client.get_experiment_by_name("MNIST_Experiments")
    return client.search_runs([experiment.experiment_id])


def exit_code(arguments):
    try:
        return main(arguments)
    except SystemExit as error:  # how argparse leaves
        return error.code


def test_the_study_leaves_a_finished_run_for_each_configuration(train, study_file):
    result = train()
    assert result.returncode == 0, result.stderr
    runs = runs_of(study_file)
    assert {run.data.tags["configuration"] for run in runs} == {"default", "blurred_dataset"}
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_substitute_is_announced_and_never_called_mnist(train, study_file):
    result = train("--only", "default")
    (run,) = runs_of(study_file)
    assert "NOT MNIST" in result.stdout
    assert run.data.params["data_source"] == run.data.tags["data_source"] == "stroke-digits"
    names = [used.dataset.name for used in run.inputs.dataset_inputs]
    files = [path.name for path in (study_file.parent / "data").iterdir()]
    assert not [name for name in names + files if "mnist" in name.lower()]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--only", "defualt"], 2, "no configuration 'defualt'; did you mean 'default'?"),
        (["--set", "model_configs.default.batch_size=-1"], 1, "batch_size is -1"),
        (["--set", "model_configs.default.max_samples=401"], 1, "training set has 400 images"),
        (
            ["--set", "model_configs.blurred_dataset.data_split_ratio=0.001"],
            1,
            "model_configs.blurred_dataset: data_split_ratio 0.001 leaves nothing",
        ),
        (["--resume", "a", "--only", "default"], 2, "as it started; leave out --only"),
        (["--resume", "a", "--seed", "1", "--seeds", "1"], 2, "leave out --seed and --seeds"),
        (["--set", "model_configs.default.model=mpl"], 1, "no model 'mpl'; did you mean 'mlp'?"),
        (["--data-root", "config.yaml/data"], 1, "does not exist"),
        (["--data-root", "x" * 300], 1, "does not exist"),
        (["--data-root", ""], 2, "the folder's name is empty"),
        (["--seed", "-1"], 2, "'-1' is not an integer of 0 or more"),
        (["--seeds", "many"], 2, "'many' is not an integer of 0 or more"),
        (["--seeds", "0"], 2, "the number of seeds must be 1 to 400"),
        (["--seeds", "99999999999999"], 2, "the number of seeds must be 1 to 400"),
        (["--seed", "9" * 5000], 2, "the number has thousands of digits"),
        (["--seeds", "2", "--seed", str(2**63 - 1)], 2, "the last of 2 seeds would be"),
        (["--device", "tpu"], 2, "invalid choice: 'tpu'"),
        (["--config", "absent.yaml"], 1, "no configuration file 'absent.yaml'"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    study_file, monkeypatch, capsys, arguments, code, message
):
    monkeypatch.chdir(study_file.parent)
    assert exit_code(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("error: ") == 1
    assert not (study_file.parent / "tracking.db").exists()


def test_a_database_that_is_none_is_refused_before_any_work(study_file, capsys):
    (study_file.parent / "tracking.db").write_text("not a database at all, but long enough")
    assert main(["--config", str(study_file)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not (study_file.parent / "data").exists()


def shadowed(folder, package, raised):
    """Puts a package that cannot be imported before the real one; its PYTHONPATH."""
    (folder / "broken" / package).mkdir(parents=True)
    (folder / "broken" / package / "__init__.py").write_text(f"raise {raised}")
    return os.pathsep.join([str(folder / "broken"), os.environ.get("PYTHONPATH", "")])


@pytest.mark.parametrize(
    ("package", "raised", "message"),
    [
        (
            "torch",
            "OSError('libtorch.so: undefined symbol')",
            "cannot be loaded (libtorch.so",
        ),
        ("torch", "ModuleNotFoundError('no', name='torch')", "torch is not installed; install it"),
        ("torch", "ImportError('libcudart.so.12')", "reinstall it with: pip install --force"),
        ("torch", "ModuleNotFoundError('no', name='sympy')", "torch is installed but cannot be"),
        ("yaml", "ModuleNotFoundError('no', name='yaml')", "error: yaml is not installed"),
        ("torchvision", "RuntimeError('operator nms')", "the two come in matching pairs"),
    ],
)
def test_broken_installations_are_told_in_one_sentence(
    train, study_file, monkeypatch, package, raised, message
):
    monkeypatch.setenv("PYTHONPATH", shadowed(study_file.parent, package, raised))
    result = train("--set", "data_prep.source=auto")
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_help_and_mistakes_do_not_wait_for_torch():
    code = "import sys, training.__main__ as t; t.main(['--config', 'no']); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "torch" not in result.stdout.split()


def test_a_path_that_the_terminal_cannot_show_is_escaped(train, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    result = train("--only", "extra", "--set", "tracking.database=é.db")
    assert result.returncode == 0, result.stderr
    assert "Runs are in \\xe9.db" in result.stdout


def test_a_reader_that_leaves_does_not_end_the_study(study_file):
    command = [sys.executable, "-m", "training", "--config", str(study_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)
    assert [run.info.status for run in runs_of(study_file)] == ["FINISHED", "FINISHED"]


def test_a_run_keeps_what_it_printed(study_file):
    broken = ["--set", "model_configs.default.learning_rate=1e30"]
    assert main(["--config", str(study_file), *broken]) == 1
    client = TrackingClient(study_file.parent / "tracking.db")
    for run in runs_of(study_file):
        lines = client.artifacts(run.info.run_id).local_path("output.log").read_text()
        assert lines.startswith(f"{run.data.tags['configuration']}: run {run.info.run_name}, 2 ")
        assert ("epoch   2" in lines) == (run.info.status == "FINISHED")


def test_a_study_piped_into_head_finishes_its_runs(study_file):
    words = shlex.join([sys.executable, "-m", "training", "--config", str(study_file)])
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} | head -2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stderr, len(result.stdout.splitlines())) == (0, "", 2)
    assert {run.info.status for run in runs_of(study_file)} == {"FINISHED"}


@pytest.mark.parametrize("root", ["absent", "absent/below", "~/no such folder of images"])
def test_a_data_root_that_does_not_exist_is_not_created(study_file, monkeypatch, capsys, root):
    monkeypatch.chdir(study_file.parent)
    monkeypatch.setenv("HOME", str(study_file.parent))
    assert main(["--config", str(study_file), "--data-root", root]) == 1
    error = capsys.readouterr().err
    assert f"--data-root {root!r} does not exist; create the folder first" in error
    assert [path.name for path in study_file.parent.iterdir()] == [study_file.name]


LOOKING_UP = pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ([main, "--resume", "a"], "run 'a'"),
        ([sweep, "--pause", "a"], "sweep 'a'"),
        ([sweep, "--resume", "a"], "sweep 'a'"),
        ([promote, "--set", "promotion.model=m", "a"], "run 'a'"),
        ([promote, "--set", "promotion.model=m", "--back"], "model 'm'"),
    ],
    ids=["resume a run", "pause a sweep", "resume a sweep", "promote", "promote --back"],
)


@LOOKING_UP
def test_what_only_looks_something_up_creates_no_database(sweep_file, capsys, command, wanted):
    run, *options = command
    assert run(["--config", str(sweep_file), *options]) in {1, 2}
    database = sweep_file.parent / "tracking.db"
    assert f"there is no database {database} to find the {wanted} in" in capsys.readouterr().err
    assert list(sweep_file.parent.iterdir()) == [sweep_file]


@LOOKING_UP
def test_what_only_looks_something_up_creates_no_experiment(sweep_file, capsys, command, wanted):
    run, *options = command
    client = TrackingClient(sweep_file.parent / "tracking.db")
    assert run(["--config", str(sweep_file), *options]) in {1, 2}
    assert wanted in capsys.readouterr().err
    assert [each.name for each in client.search_experiments()] == ["Default"]


@pytest.mark.slow
def test_studies_started_at_once_in_an_empty_folder_do_not_disturb_each_other(study_file):
    command = [sys.executable, "-m", "training", "--config", str(study_file), "--only", "extra"]
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(timeout=120) for process in started] == [0] * 3
    assert [run.info.status for run in runs_of(study_file)] == ["FINISHED"] * 3


@pytest.mark.slow
def test_on_a_terminal_a_bar_shows_the_epochs(study_file):
    main_end, terminal = pty.openpty()
    command = [sys.executable, "-m", "training", "--config", str(study_file), "--only", "default"]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # what the end of a terminal looks like on Linux
            while part := os.read(main_end, 4096):
                shown += part
        assert process.wait(timeout=60) == 0
    os.close(main_end)
    assert b"2/2 epochs" in shown
    assert "━".encode() in shown
