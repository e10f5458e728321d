"""Registers models, finds them and changes them, through MLflow's API.

    python register_models.py mlflow|tracker

The same calls run against MLflow and against the tracker; what they saw is printed as JSON, with
times and ids replaced. The database is `tracking.db` of the working folder.
"""

import importlib
import json
import logging
import sys
import warnings

SEEN = {}


def see(name, value):
    """Remember what a call returned."""
    SEEN[name] = value


def model(found):
    """What is the same on both sides of a registered model."""
    latest = sorted((int(v.version), v.current_stage) for v in found.latest_versions)
    aliases = {alias: int(version) for alias, version in found.aliases.items()}
    tags = dict(found.tags)
    return [found.name, found.description, tags, aliases, latest]


def version(found, runs):
    """What is the same on both sides of a version."""
    place = found.source.rsplit("/", 1)[-1]
    run = runs.get(found.run_id, found.run_id)
    stage, tags = found.current_stage, dict(found.tags)
    return [
        found.name,
        int(found.version),
        found.description,
        stage,
        found.status,
        run,
        place,
        tags,
    ]


def error(call, *args, **kwargs):
    """The code of the error that a call raises."""
    try:
        call(*args, **kwargs)
    except Exception as raised:  # noqa: BLE001  Any, of either side.
        return getattr(raised, "error_code", type(raised).__name__)
    return None


def main():  # noqa: PLR0915  One call after the other.
    """Make the calls."""
    warnings.simplefilter("ignore")
    logging.disable()
    mlflow = importlib.import_module(sys.argv[1])
    mlflow.set_tracking_uri("sqlite:///tracking.db")
    client = mlflow.MlflowClient()
    runs, uris = {}, []
    for number in range(3):
        with mlflow.start_run() as run:
            mlflow.log_text("flavors:\n  python_function:\n    loader_module: m\n", "model/MLmodel")
        runs[run.info.run_id] = number
        uris.append(f"runs:/{run.info.run_id}/model")

    created = client.create_registered_model("digits", {"team": "vision"}, "Reads *digits*.")
    see("created", model(created))
    see("created again", error(client.create_registered_model, "digits"))
    see("no name", error(client.create_registered_model, ""))
    see("unknown model", error(client.get_registered_model, "nothing"))
    see("registered", version(mlflow.register_model(uris[0], "digits"), runs))
    second = client.create_model_version(
        "digits", uris[1], list(runs)[1], {"stage": "tested"}, description="better"
    )
    see("second", version(second, runs))
    see("new model", version(mlflow.register_model(uris[2], "letters", tags={"a": "b"}), runs))
    see("version of no model", error(client.create_model_version, "nothing", uris[0]))
    see("unknown version", error(client.get_model_version, "digits", 9))
    see("no version", error(client.get_model_version, "digits", "x"))

    client.set_registered_model_alias("digits", "champion", 1)
    client.set_registered_model_alias("digits", "champion", "2")
    client.set_registered_model_alias("digits", "challenger", 1)
    see("champion", version(client.get_model_version_by_alias("digits", "champion"), runs))
    see("aliases", sorted(client.get_model_version("digits", 1).aliases))
    see("unknown alias", bool(error(client.get_model_version_by_alias, "digits", "nobody")))
    for alias in ("latest", "v1", "a b", ""):
        see(f"alias {alias!r}", error(client.set_registered_model_alias, "digits", alias, 1))
    see("alias of no version", error(client.set_registered_model_alias, "digits", "x", 9))
    client.delete_registered_model_alias("digits", "challenger")
    client.delete_registered_model_alias("digits", "never-there")

    client.set_registered_model_tag("digits", "team", "audio")
    client.set_registered_model_tag("digits", "kind", 3)
    client.delete_registered_model_tag("digits", "kind")
    client.set_model_version_tag("digits", 1, "checked", "yes")
    client.set_model_version_tag("digits", "2", "checked", "no")
    client.delete_model_version_tag("digits", 2, "checked")
    client.update_registered_model("digits", "Reads digits.")
    see("described", version(client.update_model_version("digits", 1, "the first"), runs))
    see("changed", model(client.get_registered_model("digits")))

    see("staging", client.transition_model_version_stage("digits", 1, "staging").current_stage)
    client.transition_model_version_stage("digits", 2, "Production")
    client.transition_model_version_stage("digits", 1, "Production", archive_existing_versions=True)
    see("archived", client.get_model_version("digits", 2).current_stage)
    see("no stage", error(client.transition_model_version_stage, "digits", 1, "Somewhere"))
    see("latest", [version(v, runs) for v in client.get_latest_versions("digits", ["Production"])])
    see("all latest", sorted(int(v.version) for v in client.get_latest_versions("digits")))
    see("stages", client.get_model_version_stages("digits", 1))

    def found(filter_string, **options):
        versions = client.search_model_versions(filter_string, **options)
        return sorted([v.name, int(v.version)] for v in versions)

    for text in (
        "",
        "name = 'digits'",
        "name='digits' AND version_number = 2",
        f"run_id = '{list(runs)[2]}'",
        f"run_id IN ('{next(iter(runs))}', '{list(runs)[2]}')",
        "name LIKE 'd%'",
        "name ILIKE 'D%'",
        "tags.stage = 'tested'",
        "tags.`checked` != 'no' AND name = 'digits'",
        "name != 'digits'",
    ):
        see(f"versions {text.split('run_id')[0]}{len(text)}", found(text))
    for text in ("speed = 1", "name = digits", "name ~ 'a'"):
        see(f"error {text}", error(client.search_model_versions, text))
    ordered = client.search_model_versions("name='digits'", order_by=["version_number DESC"])
    see("ordered", [int(v.version) for v in ordered])

    def models(**options):
        return [each.name for each in client.search_registered_models(**options)]

    see("models", models())
    see("models named", models(filter_string="name LIKE '%e%'"))
    see("models tagged", models(filter_string="tags.team = 'audio'"))
    see("models ordered", models(order_by=["name DESC"]))
    page = client.search_registered_models(max_results=1)
    see("page", [page[0].name, bool(page.token)])
    page = client.search_registered_models(max_results=1, page_token=page.token)
    see("next page", [page[0].name, bool(page.token)])

    client.rename_registered_model("digits", "numbers")
    see("renamed", model(client.get_registered_model("numbers")))
    see("renamed versions", found("name = 'numbers'"))
    see("renamed alias", int(client.get_model_version_by_alias("numbers", "champion").version))
    see("renamed to a taken name", error(client.rename_registered_model, "numbers", "letters"))
    client.delete_model_version("numbers", 2)
    see("deleted version", error(client.get_model_version, "numbers", 2))
    see("deleted alias", bool(error(client.get_model_version_by_alias, "numbers", "champion")))
    see("deleted twice", error(client.delete_model_version, "numbers", 2))
    see("number after", int(mlflow.register_model(uris[1], "numbers").version))
    see("after", model(client.get_registered_model("numbers")))
    client.delete_registered_model("letters")
    see("deleted model", error(client.get_registered_model, "letters"))
    see("new under an old name", int(mlflow.register_model(uris[2], "letters").version))
    sys.stdout.write("\n" + json.dumps(SEEN))


if __name__ == "__main__":
    main()
