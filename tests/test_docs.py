"""What the README and docs/ name: links, commands, options, variables, and files are there.

That their examples run is shown in `test_readme.py`.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import re
import shlex
import tomllib

import pytest
import yaml

import tracker
from tracker.__main__ import build_parser
from tracker.environment import MLFLOW_TWINS
from training import __main__ as training_main
from training import promote
from training.config import Config, ModelConfig
from training.config_file import load_config
from training.sweep import __main__ as sweep_main
from training.sweep.definition import define

PARSERS = {
    "tracker": build_parser,
    "training": training_main.build_parser,
    "training.sweep": sweep_main.build_parser,
    "training.promote": promote.build_parser,
}
FENCED = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"(?:python|torchrun [-\w ]+?) -m (tracker|training[.\w]*)(?=\s|$)(.*)")
VARIABLE = re.compile(r"\b(?:TRACKER|MLFLOW|DASHBOARD)_[A-Z_]+\b")


@pytest.fixture(scope="module")
def pages(repository):
    """The text of each page, by its path."""
    paths = [repository / "README.md", *sorted((repository / "docs").glob("*.md"))]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def prose(text):
    return FENCED.sub("", text)


def commands(text):
    """The module and the arguments of every command line that starts one of ours."""
    blocks = [block for language, block in FENCED.findall(text) if language in {"bash", "console"}]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    quoted = re.findall(r"`([^`\n]+)`", prose(text))
    for line in [*lines, *quoted]:
        if (found := COMMAND.search(line)) and not line.startswith("#"):
            # A comment, and a second command after the first, are not for its parser.
            arguments = re.split(r" #|\s&&|\s\|", found[2].replace(" …", ""))[0]
            yield found[1], shlex.split(arguments)


def anchors(text):
    """The anchors that GitHub gives the headings of a page."""
    plain = [
        re.sub(r"[^\w\- ]", "", line.lower())
        for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    ]
    return {heading.replace(" ", "-") for heading in plain}


def test_every_link_leads_to_a_page_and_a_heading_that_are_there(pages):
    broken = []
    for page, text in pages.items():
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(text)):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and anchor not in anchors(prose(pages[target]))):
                broken.append((page.name, link))
    assert broken == []


def test_every_file_and_folder_that_is_named_is_there(pages, repository):
    missing = []
    for page, text in pages.items():
        named = re.findall(
            r"(?<![\w./-])((?:tests|docs|tracker|training|dashboard)/[\w./-]+)", text
        )
        rooms = re.findall(r"^\| `([\w/]+)/[^|]*\|(.*)\|$", text, re.MULTILINE)
        inside = [
            (f"{room}/", name) for room, what in rooms for name in re.findall(r"`(\w+\.py)`", what)
        ]
        missing += [
            (page.name, name)
            for name in [*named, *(room + name for room, name in inside)]
            if not (repository / name.rstrip(".")).exists()
        ]
    assert missing == []


def test_every_command_takes_the_arguments_that_are_shown(pages, capfd):
    shown = [(page, *each) for page, text in pages.items() for each in commands(text)]
    assert len(shown) > 50
    wrong = []
    for page, module, arguments in shown:
        parser = PARSERS[module]()
        try:
            parser.parse_args(arguments)
        except SystemExit as end:
            if end.code and not arguments_are_left_out(module, arguments):
                wrong.append((page.name, module, arguments, capfd.readouterr().err))
    assert wrong == []


def arguments_are_left_out(module, arguments):
    """Whether a verb is only named in a sentence, as in "`python -m tracker sql` runs a query"."""
    return module == "tracker" and len([each for each in arguments if each[0] != "-"]) < 2


def actions_of(parser):
    """The options and arguments of a parser and of its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from actions_of(verb)


@pytest.mark.parametrize("build", PARSERS.values(), ids=PARSERS)
def test_every_option_and_argument_explains_itself(build):
    assert [action for action in actions_of(build()) if not action.help] == []


def test_every_example_of_the_help_is_a_command_line_that_is_taken():
    verbs = [each for each in actions_of(build_parser()) if isinstance(each.choices, dict)]
    epilogs = [verb.epilog or "" for each in verbs for verb in each.choices.values()]
    examples = re.findall(r"^  python -m tracker (.+)", "\n".join(epilogs), re.MULTILINE)
    assert len(examples) > 30
    for example in examples:
        words = shlex.split(re.split(r"\s{3,}", example)[0])  # without a remark
        arguments = itertools.takewhile(lambda word: word not in {"<", ">"}, words)
        assert build_parser().parse_args(list(arguments)).action


def test_every_option_that_a_sentence_names_is_one_of_ours(pages):
    ours = {
        o for build in PARSERS.values() for each in actions_of(build()) for o in each.option_strings
    }
    of_other_programs = {"--serve-artifacts", "--server.port", "--dist", "--nproc-per-node"}
    named = set()
    for text in pages.values():
        quoted = " ".join(re.findall(r"`([^`\n]+)`", prose(text)))
        named |= set(re.findall(r"(?<!\S)--[a-z][\w.-]+", quoted))
    assert len(named) > 20
    assert named - ours - of_other_programs == {"--upgrade", "--array", "--backend-store-uri"}


def test_every_key_of_the_configuration_that_is_set_on_a_command_line_exists(pages, repository):
    study = repository / "config.yaml"
    for text in pages.values():
        for override in re.findall(r"--set ([\w.]+=[^`\s]+)", prose(text)):
            load_config(study, [override.replace(".NAME.", ".default.")])
        for module, arguments in commands(text):
            if module.startswith("training"):
                options, _ = PARSERS[module]().parse_known_args(arguments)
                config = load_config(study, options.overrides)
                if module == "training.sweep":
                    define(config, None)


def test_every_key_of_the_configuration_is_in_the_file_that_explains_it(repository):
    study = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    models = study.pop("model_configs")
    keys = {name: set(section) for name, section in study.items()}
    keys["model_configs"] = set().union(*models.values())
    assert keys == {
        "model_configs": set(ModelConfig.model_fields),
        **{
            name: set(field.annotation.model_fields)
            for name, field in Config.model_fields.items()
            if name != "model_configs"
        },
    }


def test_the_space_that_is_shown_is_one_that_can_be_searched(pages, repository, tmp_path):
    text = pages[repository / "docs" / "search.md"]
    (shown,) = [block for language, block in FENCED.findall(text) if language == "yaml"]
    study = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(study | yaml.safe_load(shown)))
    assert len(define(load_config(tmp_path / "config.yaml"), None).space.parameters) == 5


def variables_in(*folders):
    """The names of environment variables that are texts in the code of some folders."""
    texts = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")]
    quoted = {name for text in texts for name in re.findall(r"[\"']([A-Z_0-9]+)[\"']", text)}
    return {name for name in quoted if VARIABLE.fullmatch(name)}


def test_every_environment_variable_of_the_code_is_documented_and_no_other(pages, repository):
    in_code = variables_in(*(repository / each for each in ("tracker", "training", "dashboard")))
    documented = {name for text in pages.values() for name in VARIABLE.findall(text)}
    internal = {"TRACKER_SERVING", "MLFLOW_ENABLE_ASYNC_LOGGING"}
    assert in_code - internal <= documented
    of_mlflow_and_s3fs = {"MLFLOW_S3_ENDPOINT_URL"}
    assert documented <= in_code | variables_in(repository / "tests") | of_mlflow_and_s3fs
    table = pages[repository / "docs" / "environment.md"]
    for ours, theirs in MLFLOW_TWINS.items():
        assert f"| `{ours}` | `{theirs}` |" in table


def test_every_name_of_the_library_that_is_mentioned_exists(pages):
    named = {
        name for text in pages.values() for name in re.findall(r"\btracker((?:\.\w+)+)\(", text)
    }
    assert len(named) > 12
    for name in named:
        found = tracker
        for part in name[1:].split("."):
            found = getattr(found, part, None) or importlib.import_module(f"tracker.{part}")


def test_every_extra_that_is_installed_is_defined(pages, repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {
        e for text in pages.values() for e in re.findall(r"pip install -e [\"']\.\[(\w+)\]", text)
    }
    assert {"all", "test", "dev", "serving", "sweep", "remote"} <= extras
    assert extras <= set(project["optional-dependencies"])
    # The name on the package index may be anybody's.
    by_name = re.compile(r"pip install [\"']?ml-tracker")
    assert [page.name for page, text in pages.items() if by_name.search(text)] == []
