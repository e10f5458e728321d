"""`serve`: answer predictions of a model over HTTP."""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.cli.parser import non_negative_int, port_number
from tracker.exceptions import UnsupportedError
from tracker.text import clean

if TYPE_CHECKING:
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session

_PORT: Final = 5001
_MIN_POLL_SECONDS: Final = 0.01
_EXAMPLES: Final = """\
serve models:/digits@champion
serve models:/digits/3 --port 8000 --record 0.01
serve runs:/1a2b3c4d/model --dockerfile build
"""


def add_verbs(verbs: Verbs) -> None:
    """Add `serve`."""
    parser = verbs.add(
        "serve",
        "Serve a model over HTTP: MLflow's scoring protocol at /invocations, the Open Inference "
        "Protocol at /v2. A model named by an alias is exchanged when the alias moves, without a "
        "lost request. Set TRACKER_SERVING_TOKEN to ask callers for a bearer token.",
        serve,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="models:/NAME@ALIAS, models:/NAME/VERSION, runs:/ID/PATH, or a folder",
    )
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="where to listen (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument(
        "--port", metavar="N", type=port_number, default=_PORT,
        help=f"the first port to try, 0 for any free one (default: {_PORT})",
    )  # fmt: skip
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_workers,
        default=1,
        help="processes that answer (default: 1)",
    )
    parser.add_argument(
        "--poll",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="time between two looks at the registry (default: 1)",
    )
    parser.add_argument(
        "--record", metavar="SHARE", type=_share, default=0.0,
        help="keep this share of requests and answers in a run (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--allow-host", metavar="NAME", action="append", default=[],
        help="a further host name to answer to, * for any; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--dockerfile", metavar="FOLDER", type=Path,
        help="do not serve: write a new folder for `docker build`",
    )  # fmt: skip
    parser.add_argument("--systemd", action="store_true", help="do not serve: print a systemd unit")


def serve(session: Session) -> None:
    """Serve until Ctrl-C, or write what serves elsewhere.

    Raises:
        NotFoundError: There is no such model.
        UnsupportedError: A package is missing.
        ServingError: The model cannot be served.
    """
    missing = [n for n in ("starlette", "uvicorn", "numpy") if not importlib.util.find_spec(n)]
    if missing:
        raise UnsupportedError(
            f'Serving needs {", ".join(missing)}: pip install "ml-tracker[serving]"'
        )
    from tracker.serving import deploy, server  # noqa: PLC0415

    options, console = session.options, session.console
    settings = server.Settings(
        uri=options.model,
        database=str(session.path),
        host=options.host,
        port=options.port,
        workers=options.workers,
        poll_seconds=options.poll,
        record_share=options.record,
        hosts=tuple(options.allow_host),
    )
    if options.systemd:
        arguments = [word for word in sys.argv[1:] if word != "--systemd"]
        console.line(deploy.systemd_unit(options.model, arguments, Path.cwd()).rstrip())
    elif options.dockerfile is not None:
        deploy.write_docker_folder(server.load_once(settings), options.dockerfile)
        console.line(f"Wrote {clean(options.dockerfile)}. Build and run it:")
        console.line(f"  docker build -t model {clean(options.dockerfile)}")
        console.line("  docker run -p 5001:5001 model")
    else:
        server.serve(settings, lambda line: print(clean(line), flush=True))  # noqa: T201


def _workers(text: str) -> int:
    count = non_negative_int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one worker is needed")
    return count


def _seconds(text: str) -> float:
    return _within(text, _MIN_POLL_SECONDS, sys.float_info.max, f"from {_MIN_POLL_SECONDS} on")


def _share(text: str) -> float:
    return _within(text, 0, 1, "from 0 to 1")


def _within(text: str, low: float, high: float, range_words: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {range_words}")
    return number
