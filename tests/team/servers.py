"""Starts the servers of a team: PostgreSQL, an S3 store, MLflow. Each ends with its block.

Needs the environments `server` and `store` that `tests/interop/environments.py` makes.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

START_SECONDS = 300
BUCKET = "team"
STORE_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def group(command, log, **how):
    """A process with all that it starts, ended together: MLflow's server leaves children behind."""
    with Path(log).open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **how
        )
    try:
        yield process
    finally:
        end_group(process)


def end_group(process, number=signal.SIGKILL):
    """Send a signal to a process and all that it has started, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    process.wait(60)


def request(port, method, path):
    """The status of an answer; None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def wait_for(port, path, process, log):
    """Wait until a server answers."""
    deadline = time.monotonic() + START_SECONDS
    while request(port, "GET", path) is None:
        if time.monotonic() > deadline or process.poll() is not None:
            raise AssertionError(f"{path} does not answer:\n{Path(log).read_text()[-3000:]}")
        time.sleep(0.1)


class MlflowServer:
    """An MLflow server that can be stopped and started again on the same port.

    Args:
        environments: The folder that `environments.py` filled.
        folder: Where its log and, by default, its database and files are.
        database: Its PostgreSQL; SQLite by default.
        artifacts: Where the proxy keeps files.
        direct: A URL where clients keep files themselves, without the proxy.
        workers: How many processes answer.
        app: The name of an app of MLflow's, such as "basic-auth".
        variables: More for its environment.
    """

    def __init__(
        self,
        environments,
        folder,
        *,
        database=None,
        artifacts=None,
        direct=None,
        workers=1,
        app=None,
        variables=None,
    ):
        self.interpreter = Path(environments, "server", "bin", "python")
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = [
            f"--backend-store-uri={database.uri if database else f'sqlite:///{folder}/server.db'}",
            *(
                ["--no-serve-artifacts", f"--default-artifact-root={direct}"]
                if direct
                else [
                    "--serve-artifacts",
                    f"--artifacts-destination={artifacts or folder / 'server-files'}",
                ]
            ),
            f"--workers={workers}",
            *([f"--app-name={app}"] if app else []),
        ]
        self._variables = variables or {}
        self.database = database
        self.process = None

    def start(self):
        """Start, and wait until it answers."""
        log = self.folder / "server.log"
        command = [self.interpreter, "-m", "mlflow", "server"]
        command += ["--host=127.0.0.1", f"--port={self.port}", *self._options]
        path = f"{self.interpreter.parent}{os.pathsep}{os.environ['PATH']}"
        # The first start creates the tables, by one of its processes.
        environment = (
            os.environ
            | self._variables
            | {
                "PATH": path,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "PYTHONPATH": "",
            }
        )
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
                cwd=self.folder,
            )
        wait_for(self.port, "/health", self.process, log)

    def stop(self):
        """End it with all of its processes, at once."""
        if self.process is not None:
            end_group(self.process)
            self.process = None

    def cpu_seconds(self):
        """What its processes and those of its database have used."""
        sessions = {self.process.pid}
        if self.database:
            sessions.add(self.database.process.pid)
        return sum(used for session, used in cpu_of_processes() if session in sessions)

    def ask(self, script, *arguments):
        """What a script prints that uses MLflow's own client of this server."""
        environment = os.environ | {"MLFLOW_TRACKING_URI": self.url, "PYTHONPATH": ""}
        done = subprocess.run(
            [self.interpreter, "-W", "ignore", script, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def cpu_of_processes():
    """(session, CPU seconds) of each process."""
    ticks = os.sysconf("SC_CLK_TCK")
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            yield int(fields[3]), (int(fields[11]) + int(fields[12])) / ticks


@contextmanager
def mlflow_server(environments, folder, **how):
    """A started MLflow server."""
    server = MlflowServer(environments, folder, **how)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def removed(folder):
    """Removes a folder at the end."""
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql(folder):
    """An empty PostgreSQL database, by Debian's server: its `uri` and its `process`."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    # Not below `folder`, into which nobody else may look.
    data = Path(tempfile.mkdtemp(prefix="postgresql-"))
    as_user = []
    if os.geteuid() == 0:  # initdb refuses root.
        shutil.chown(data, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-A", "trust", "-U", "mlflow", "--no-sync"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    port = free_port()
    settings = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]
    command = [*as_user, programs / "postgres", "-D", data, "-p", str(port), "-k", "", *settings]
    address = ["-h", "127.0.0.1", "-p", str(port), "-U", "mlflow"]
    with removed(data), group(command, folder / "postgresql.log", cwd="/") as process:
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(
            [programs / "pg_isready", *address], check=False, capture_output=True
        ).returncode:
            assert time.monotonic() < deadline, (folder / "postgresql.log").read_text()
            time.sleep(0.1)
        subprocess.run([programs / "createdb", *address, "mlflow"], check=True)
        # The driver is named: SQLAlchemy 2.1 takes psycopg 3 without.
        uri = f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/mlflow"
        yield SimpleNamespace(uri=uri, process=process)


@contextmanager
def s3_store(environments, folder):
    """The URL of an S3 store with an empty bucket."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    interpreter = Path(environments, "store", "bin", "python")
    log = folder / "store.log"
    command = [interpreter, "-m", "moto.server", "-p", str(port)]
    with group(command, log, env=os.environ | {"PYTHONPATH": ""}) as process:
        wait_for(port, "/", process, log)
        assert request(port, "PUT", f"/{BUCKET}") == 200
        yield url


@contextmanager
def team_server(environments, folder, *, workers=1, with_store=True):
    """MLflow's server on PostgreSQL, its files in an S3 store or below `folder`."""
    how = {}
    with ExitStack() as stack:
        if with_store:
            store = stack.enter_context(s3_store(environments, folder))
            how["artifacts"] = f"s3://{BUCKET}/mlflow"
            how["variables"] = STORE_CREDENTIALS | {"MLFLOW_S3_ENDPOINT_URL": store}
        database = stack.enter_context(postgresql(folder))
        server = mlflow_server(environments, folder, database=database, workers=workers, **how)
        yield stack.enter_context(server)


if __name__ == "__main__":
    # python servers.py ENVIRONMENTS FOLDER: a whole team server, until Ctrl-C or SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with team_server(*map(Path, sys.argv[1:])) as server_:
        print(server_.url, flush=True)  # noqa: T201
        signal.pause()
