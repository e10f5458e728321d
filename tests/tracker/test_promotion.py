"""The aliases of promotion, and that they are whole wherever promoting is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tracker.exceptions import InvalidStateError, NotFoundError
from tracker.promotion import Decision, appoint, champion_of, go_back, promote

KILLS = int(os.environ.get("TRACKER_REGISTRY_KILLS", "20"))


@pytest.fixture
def promoted(client, run_id):
    """Register the run's model as champion or challenger; the number of the version."""
    client.log_text(run_id, "flavors: {}\n", "model/MLmodel")

    def run(*, wins=True):
        decision = Decision(wins, "better" if wins else "worse", {})
        version, _ = promote(client, "digits", run_id, "model", lambda _: decision)
        return version.version

    return run


def aliases(client):
    return client.get_registered_model("digits").aliases


def test_the_champion_before_is_previous(client, promoted):
    promoted()
    promoted(wins=False)
    assert aliases(client) == {"champion": 1, "challenger": 2}
    promoted()
    assert aliases(client) == {"champion": 3, "challenger": 2, "previous": 1}


def test_going_back_leads_from_champion_to_champion_until_the_first(client, promoted):
    for _ in range(3):
        promoted()
    assert go_back(client, "digits").version == 2
    assert aliases(client) == {"champion": 2, "previous": 1}
    assert go_back(client, "digits").version == 1
    assert aliases(client) == {"champion": 1}
    with pytest.raises(InvalidStateError, match="no champion before the present one"):
        go_back(client, "digits")


def test_there_is_no_way_back_to_a_deleted_version(client, promoted):
    promoted()
    promoted()
    client.delete_model_version("digits", 1)
    with pytest.raises(NotFoundError, match="no version 1"):
        go_back(client, "digits")
    assert aliases(client) == {"champion": 2}


def test_a_challenger_that_is_made_champion_by_hand_says_so(client, promoted):
    promoted()
    promoted(wins=False)
    made = appoint(client, "digits", 2)
    assert aliases(client) == {"champion": 2, "previous": 1}
    assert made.tags["promotion.why"] == "Made champion by hand in place of version 1."
    assert go_back(client, "digits").version == 1


PROMOTE = """
import contextlib, itertools, sys
from tracker import TrackingClient, TrackerError
from tracker.promotion import Decision, appoint, go_back, promote
client = TrackingClient("tracking.db")
for number in itertools.count():
    decision = Decision(number % 3 > 0, f"reason {number}", {})
    made, _ = promote(client, "digits", sys.argv[1], "model", lambda _: decision)
    with contextlib.suppress(TrackerError):
        appoint(client, "digits", made.version - 1) if number % 4 == 2 else None
        go_back(client, "digits") if number % 4 == 3 else None
    print(made.version, flush=True)
"""


def check_whole(client):
    """That every version is complete, and `previous` the one before the champion."""
    found = aliases(client)
    for version in client.search_model_versions("name = 'digits'"):
        assert {"promotion.why", "promotion.decision"} <= version.tags.keys()
        files, path = client.model_files(f"models:/digits/{version.version}")
        assert files.local_path(path).is_dir()
    champion = champion_of(client, "digits")
    before = champion.tags.get("promotion.previous")
    assert found.get("previous") == (None if before is None else int(before))
    with client.store.database.read() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.slow
def test_aliases_are_whole_wherever_promoting_is_killed(client, run_id, promoted, tmp_path):
    promoted()
    chance = random.Random(7)
    for _ in range(KILLS):
        command = [sys.executable, "-c", PROMOTE, run_id]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(chance.randrange(1, 6)):
                acknowledged = int(process.stdout.readline())
            time.sleep(chance.random() * 0.004)
            process.send_signal(signal.SIGKILL)
        assert client.get_model_version("digits", acknowledged).version == acknowledged
        check_whole(client)
