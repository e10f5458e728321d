"""The run list and the Overview's table under a real mouse and keyboard."""

from __future__ import annotations

import signal

import pytest
from playwright.sync_api import expect

from tracker.client import TrackingClient

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEAR = """
    () => {
      window.heard = [];
      for (const name of ['hover', 'visible'])
        window.addEventListener(`tracker:${name}`, (event) =>
          window.heard.push([name, event.detail.ids.length, event.detail.from]));
    }
"""


@pytest.fixture
def seeded(tmp_path):
    """Two configurations, one of them with three seeds, all of the tracker's own making."""
    client = TrackingClient(str(tmp_path / "tracking.db"))
    experiment = client.create_experiment("one")
    ids = {}
    for name, lr, seeds in (("adam", "0.1", (1, 2, 3)), ("sgd", "0.2", (1,)), ("cnn", "0.3", (1,))):
        for seed in seeds:
            started = 1_700_000_000_000 + 1_000 * len(ids)
            run_id = client.create_run(experiment, started, run_name=name).info.run_id
            client.log_params(run_id, {"lr": lr, "seed": seed, "model": name[:3]})
            for step in range(3):
                client.log_metrics(run_id, {"loss": 1 / (seed + step), "acc": len(name)}, step=step)
            client.set_terminated(run_id)
            ids[name, seed] = run_id
    client.store.fold()
    return tmp_path / "tracking.db", client, ids


def row(visitor, text):
    return visitor.page.locator(".row").filter(has_text=text).first


def hear(visitor):
    """Record what the list tells the charts from now on, after what it tells on arrival."""
    visitor.page.locator(".row").first.wait_for()
    visitor.page.evaluate(HEAR)


def act(visitor, text, what):
    row(visitor, text).hover()
    row(visitor, text).locator(f"[data-act={what}]").first.click()
    return visitor


def names(visitor):
    """The names of the rows, to be expected: a row comes and goes when the server has said so."""
    return expect(visitor.page.locator(".row .name"))


def await_heard(visitor, *said):
    """Wait until the last word on the page's window is what was expected."""
    visitor.page.wait_for_function(
        "said => JSON.stringify(window.heard.at(-1)) === JSON.stringify(said)", arg=list(said)
    )


def test_nothing_is_ticked_on_arrival_and_a_tick_changes_no_chart(seeded, serve, visit):
    path, _, ids = seeded
    visitor = visit(serve(path)).open("curves")
    hear(visitor)
    assert visitor.page.locator(".row[aria-selected=true]").count() == 0
    act(visitor, "sgd", "tick")
    expect(visitor.page.get_by_text("1 ticked")).to_be_visible()
    assert not [what for what, *_ in visitor.page.evaluate("window.heard") if what == "visible"]
    assert ids["sgd", 1][:8] not in visitor.page.url
    visitor.check()


def test_a_dot_hides_a_run_at_once_and_for_every_page(seeded, serve, visit):
    path, _, ids = seeded
    visitor = visit(serve(path)).open("curves")
    hear(visitor)
    act(visitor, "sgd", "eye")
    await_heard(visitor, "visible", 4, "list")
    visitor.page.wait_for_url("**runs=**")
    assert ids["sgd", 1][:8] not in visitor.page.url
    visitor.page.get_by_role("link", name="Compare", exact=True).click()
    visitor.page.wait_for_url("**/compare?**runs=**")
    visitor.settle()
    expect(row(visitor, "sgd").locator(".dot.none")).to_have_count(1)
    visitor.check()


def test_a_row_under_the_pointer_is_told_to_the_charts(seeded, serve, visit):
    visitor = visit(serve(seeded[0])).open("curves")
    hear(visitor)
    row(visitor, "3 seeds").hover()
    await_heard(visitor, "hover", 3, "list")
    visitor.page.mouse.move(900, 500)
    visitor.page.wait_for_function("window.heard.at(-1)[1] === 0")
    visitor.check()


def test_a_run_under_the_pointer_in_a_chart_is_lifted_in_the_list(seeded, serve, visit):
    path, _, ids = seeded
    visitor = visit(serve(path)).open("curves")
    visitor.page.evaluate(
        "ids => window.dispatchEvent(new CustomEvent('tracker:hover',"
        " { detail: { ids, from: 'curves' } }))",
        [ids["sgd", 1]],
    )
    expect(row(visitor, "sgd")).to_have_class("row top lifted")
    visitor.check()


def test_a_group_unfolds_into_its_seeds_and_shows_how_many_are_drawn(seeded, serve, visit):
    visitor = visit(serve(seeded[0])).open("curves")
    act(visitor, "3 seeds", "fold")
    seeds = visitor.page.locator(".row .name").filter(has_text="seed")
    expect(seeds).to_have_text(["seed 3", "seed 2", "seed 1"])
    act(visitor, "seed 2", "eye")
    row(visitor, "2 of 3").wait_for()
    visitor.page.get_by_role("link", name="Compare", exact=True).click()
    visitor.page.wait_for_url("**/compare**")
    visitor.settle()
    row(visitor, "seed 2").wait_for()
    visitor.check()


def test_a_page_is_reached_right_after_two_quick_choices(seeded, serve, visit):
    server = serve(seeded[0])
    visitor = visit(server).open("curves")
    eyes = visitor.page.locator(".row [data-act=eye]")
    eyes.nth(1).click()
    eyes.nth(2).click()
    server.process.send_signal(signal.SIGSTOP)  # What follows reaches it at once.
    try:
        visitor.page.get_by_role("link", name="Compare", exact=True).click()
        visitor.page.wait_for_timeout(400)
    finally:
        server.process.send_signal(signal.SIGCONT)
    visitor.page.wait_for_url("**/compare**")
    visitor.settle()
    visitor.check()


def test_a_wrong_filter_shows_why_under_the_box_and_the_suggestion_mends_it(seeded, serve, visit):
    server = serve(seeded[0])
    visitor = visit(server).open("curves")
    box = visitor.page.get_by_label("Filter", exact=True)
    box.press_sequentially("name LIKE '%cnn%'", delay=30)
    problem = visitor.page.get_by_role("alert").filter(has_text="Did you mean run_name")
    problem.wait_for()
    names(visitor).to_have_count(3)
    under = problem.bounding_box()["y"] - box.bounding_box()["y"]
    assert 0 < under < 60
    problem.get_by_role("button").click()
    visitor.page.wait_for_url("**filter=run_name**")
    visitor.settle()
    names(visitor).to_have_text(["cnn"])
    assert "Traceback" not in server.log.read_text()
    visitor.check()


def test_part_of_a_name_narrows_the_list_without_waiting_for_the_server(seeded, serve, visit):
    visitor = visit(serve(seeded[0])).open("curves")
    visitor.page.get_by_label("Filter", exact=True).fill("sg")
    names(visitor).to_have_text(["sgd"])
    visitor.page.get_by_role("button", name="Show only these").wait_for()
    visitor.page.get_by_role("button", name="Show only these").click()
    visitor.page.wait_for_url("**runs=**")
    visitor.check()


@pytest.mark.parametrize("page", ["", "curves"])
def test_a_name_leads_to_the_page_of_its_run_also_after_a_reload(seeded, serve, visit, page):
    path, _, ids = seeded
    visitor = visit(serve(path)).open(page)
    act(visitor, "sgd", "open")
    visitor.page.wait_for_url(f"**/run?**run={ids['sgd', 1][:8]}**")
    visitor.page.reload()
    visitor.settle()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("sgd")
    expect(visitor.page.get_by_title(ids["sgd", 1])).to_be_visible()
    visitor.check()


def test_a_link_by_id_survives_renaming_and_reload_on_every_page(seeded, serve, visit):
    path, client, ids = seeded
    visitor = visit(serve(path))
    client.update_run(ids["sgd", 1], name="another name")
    for page in ("", "curves", "compare", "evaluate", "data", "run", "models"):
        visitor.open(f"{page}?runs={ids['sgd', 1][:8]}")
        visitor.page.reload()
        visitor.settle()
        expect(row(visitor, "another name").locator(".dot.all")).to_have_count(1)
        expect(row(visitor, "cnn").locator(".dot.none")).to_have_count(1)
        assert f"runs={ids['sgd', 1][:8]}" in visitor.page.url
    for page in ("sweeps", "sql"):
        visitor.open(f"{page}?runs={ids['sgd', 1][:8]}")
        visitor.page.reload()
        visitor.settle()
        visitor.page.get_by_role("link", name="Curves", exact=True).click()
        visitor.page.wait_for_url(f"**/curves?**runs={ids['sgd', 1][:8]}**")
    visitor.check()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("overview", "/"),
        ("live", "/"),
        ("configurations", "/compare"),
        ("evaluation", "/evaluate"),
        ("try", "/models"),
    ],
)
def test_an_old_address_leads_to_the_page_of_now(server, visit, old, new):
    visitor = visit(server).open(f"{old}?runs=x+00000002")
    assert visitor.page.url.partition("?")[0] == f"{server.address}{new}"
    expect(row(visitor, "small_dataset").locator(".dot.all")).to_have_count(1)
    assert visitor.page.get_by_text("Page not found").count() == 0
    visitor.check()


def test_deleted_runs_leave_the_list_the_link_and_the_charts_and_come_back(seeded, serve, visit):
    path, client, ids = seeded
    gone = ids["sgd", 1]
    visitor = visit(serve(path)).open(f"curves?runs={gone[:8]},{ids['cnn', 1][:8]}")
    visitor.page.evaluate(HEAR)
    act(visitor, "sgd", "tick")
    visitor.page.get_by_role("button", name="Delete 1").click()
    expect(visitor.page.locator(".row").filter(has_text="sgd")).to_have_count(0)
    visitor.page.wait_for_function(
        "window.heard.some(([what, count]) => what === 'visible' && count === 1)"
    )
    visitor.page.wait_for_url(lambda url: gone[:8] not in url)
    visitor.settle()
    visitor.until(lambda: client.get_run(gone).info.lifecycle_stage == "deleted")
    visitor.page.get_by_role("button", name="Undo").click()
    row(visitor, "sgd").wait_for()
    visitor.settle()
    visitor.until(lambda: client.get_run(gone).info.lifecycle_stage == "active")
    visitor.check()


def test_a_tag_is_given_to_all_that_match(seeded, serve, visit):
    path, client, ids = seeded
    visitor = visit(serve(path)).open("?filter=params.model+%3D+'ada'")
    visitor.page.get_by_role("button", name="Tick all that match").first.click()
    visitor.page.get_by_text("All 3 that match are ticked").wait_for()
    visitor.page.get_by_role("button", name="Add tag").click()
    field = visitor.page.get_by_label("Tag: key value")
    field.fill("team blue sky")
    field.press("Enter")
    visitor.page.get_by_text("3 runs tagged").wait_for()
    tagged = {key for key, i in ids.items() if client.get_run(i).data.tags.get("team")}
    assert tagged == {("adam", 1), ("adam", 2), ("adam", 3)}
    expect(visitor.page.locator(".chip").filter(has_text="team blue sky").first).to_be_visible()
    visitor.check()


def test_the_keyboard_moves_folds_shows_ticks_and_opens(seeded, serve, visit):
    path, _, ids = seeded
    visitor = visit(serve(path)).open("curves")
    grid = visitor.page.get_by_role("treegrid")
    grid.focus()
    press = visitor.page.keyboard.press
    press("Home")
    active = visitor.page.locator(".row.focused")
    while "3 seeds" not in active.inner_text():
        press("ArrowDown")
    press("ArrowRight")
    expect(active).to_have_attribute("aria-expanded", "true")
    press("ArrowRight")
    expect(active).to_contain_text("seed")
    press("x")
    expect(active).to_have_attribute("aria-selected", "true")
    press("Space")
    expect(active.locator(".dot.none")).to_have_count(1)
    press("Escape")
    assert visitor.page.locator(".row[aria-selected=true]").count() == 0
    visitor.page.get_by_role("button", name="? all keys").click()
    press("ArrowDown")  # There is nothing to go to.
    press("Escape")
    chosen = active.get_attribute("data-key")
    assert chosen in {ids["adam", seed] for seed in (1, 2, 3)}
    press("Enter")
    visitor.page.wait_for_url(f"**/run?**run={chosen[:8]}**")
    visitor.check()


@pytest.mark.parametrize("address", ["curves?axis=Share&log=true", "compare?turned=true", ""])
def test_a_run_is_opened_where_choices_of_the_page_are_in_the_link(seeded, serve, visit, address):
    path, _, ids = seeded
    visitor = visit(serve(path)).open(address)
    row(visitor, "cnn").first.click(button="right")
    visitor.page.get_by_role("menuitem", name="Open run").click()
    visitor.page.wait_for_url(f"**/run?**run={ids['cnn', 1][:8]}**")
    visitor.check()


def test_the_menu_of_a_row_shows_only_this_one(seeded, serve, visit):
    path, _, ids = seeded
    visitor = visit(serve(path)).open("curves")
    row(visitor, "cnn").click(button="right")
    visitor.page.get_by_role("menuitem", name="Show only this").click()
    visitor.page.wait_for_url(f"**runs={ids['cnn', 1][:8]}")
    expect(visitor.page.get_by_role("menu")).to_have_count(0)
    visitor.check()


def test_a_baseline_is_pinned_and_kept_in_the_link(seeded, serve, visit):
    path, _, ids = seeded
    visitor = visit(serve(path)).open()
    row(visitor, "cnn").click(button="right")
    visitor.page.get_by_role("menuitem", name="Make baseline").click()
    visitor.page.wait_for_url(f"**baseline={ids['cnn', 1][:8]}**")
    expect(visitor.page.locator(".row .name").first).to_have_text("cnn")
    visitor.page.get_by_role("columnheader", name="acc").get_by_role("button").click()
    expect(visitor.page.locator(".row .name").first).to_have_text("cnn")
    visitor.check()


def test_a_header_sorts_all_rows_and_turns_round(seeded, serve, visit):
    visitor = visit(serve(seeded[0])).open()
    head = visitor.page.get_by_role("columnheader", name="loss", exact=True)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(visitor.page.locator(".row .name").first).to_have_text("adam")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(visitor.page.locator(".row .name").last).to_have_text("adam")
    visitor.page.wait_for_url("**sort=metrics.loss&order=desc**")
    visitor.check()


def test_columns_are_chosen_and_stay_in_the_link_on_another_page(seeded, serve, visit):
    visitor = visit(serve(seeded[0])).open()
    seeds = visitor.page.get_by_role("columnheader", name="seed")
    seeds.wait_for()
    visitor.page.get_by_role("button", name="Columns").click()
    visitor.page.get_by_label("params.seed").uncheck()
    visitor.page.wait_for_url("**columns=params.lr**")
    expect(seeds).to_have_count(0)
    visitor.page.keyboard.press("Escape")
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    visitor.page.wait_for_url("**/data**columns=params.lr**")
    visitor.page.get_by_role("link", name="Overview", exact=True).click()
    visitor.page.wait_for_url("**columns=params.lr**")
    visitor.check()


def test_a_run_that_starts_later_joins_the_table(seeded, serve, visit):
    path, client, _ = seeded
    going_on = client.create_run("1", run_name="going on").info.run_id
    visitor = visit(serve(path)).open()
    row(visitor, "going on").wait_for()
    later = client.create_run("1", run_name="later").info.run_id
    row(visitor, "later").wait_for(timeout=15_000)
    expect(row(visitor, "later").locator(".dot.all")).to_have_count(1)
    for run_id in (going_on, later):
        client.set_terminated(run_id)
    visitor.check()


def test_a_status_narrows_the_table_and_can_be_reached_on_a_phone(seeded, serve, visit):
    path, client, _ = seeded
    failed = client.create_run("1", run_name="broken").info.run_id
    client.set_terminated(failed, "FAILED")
    visitor = visit(serve(path), width=390).open()
    visitor.page.get_by_role("button", name="Failed 1").click()
    visitor.page.wait_for_url("**status=FAILED**")
    visitor.settle()
    names(visitor).to_have_text(["broken"])
    visitor.check()


def test_no_row_covers_a_button(seeded, serve, visit):
    visitor = visit(serve(seeded[0]), width=1440).open()
    last = visitor.page.locator(".row").last
    last.hover()
    box = visitor.page.get_by_label("Deleted runs").bounding_box()
    assert last.bounding_box()["y"] + last.bounding_box()["height"] <= box["y"]
    visitor.check()


def test_of_five_hundred_runs_only_those_in_view_are_drawn(tmp_path, study, serve, visit):
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    connection.execute("BEGIN")
    for number in range(500):
        run_id = study.add_run(connection, f"run {number}", begun=study.BEGUN + number)
        study.add_param(connection, run_id, "lr", number % 7)
    connection.execute("COMMIT")
    connection.close()
    visitor = visit(serve(tmp_path / "tracking.db")).open("curves?group=none")
    grid = visitor.page.get_by_role("treegrid")
    expect(grid).to_have_attribute("aria-rowcount", "501")
    assert visitor.page.locator(".row").count() < 80
    grid.focus()
    visitor.page.keyboard.press("End")
    row(visitor, "run 0").wait_for()
    visitor.check()
