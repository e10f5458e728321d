"""Every page on a database as real life leaves one: no fault, no clipped text, no tiny button."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What cannot be read and cannot be scrolled to, of all text on the page. Text that ends in an
# ellipsis is whole in a title, its own or that of what holds it.
CLIPPED = """
() => {
  const above = (element) => element.assignedSlot ?? element.parentElement
    ?? element.getRootNode().host;
  const isCut = (element, box) => {
    const outer = element.getRootNode().host ?? element;
    if (outer.closest('[data-testid=stSidebar][data-collapsed=true]')) return false;
    let ellipsis = false, scrollsX = false, scrollsY = false;
    for (let one = element; one && one !== document.documentElement; one = above(one)) {
      const style = getComputedStyle(one), frame = one.getBoundingClientRect();
      if (one.clientWidth <= 1 && style.display !== 'inline') return false;
      ellipsis ||= style.textOverflow === 'ellipsis' && !/flex|grid/.test(style.display);
      const isWide = box.right > frame.right + 2 || box.left < frame.left - 2;
      const isHigh = box.bottom > frame.bottom + 4 || box.top < frame.top - 4;
      const hides = (how) => ['hidden', 'clip'].includes(how);
      const isCutX = hides(style.overflowX) && isWide && !scrollsX;
      if (isCutX && !(ellipsis && isTitled(element))) return true;
      if (hides(style.overflowY) && isHigh && !scrollsY && !isCutX) return true;
      scrollsX ||= /auto|scroll/.test(style.overflowX) && one.scrollWidth > one.clientWidth;
      scrollsY ||= /auto|scroll/.test(style.overflowY) && one.scrollHeight > one.clientHeight;
      if (isCutX || style.position === 'fixed') return false;
    }
    return !scrollsX && (box.right > innerWidth + 2 || box.left < -2);
  };
  const isTitled = (element) => {
    for (let one = element; one; one = above(one)) if (one.title) return true;
    return false;
  };
  const found = [];
  const look = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walker.currentNode; node; node = walker.nextNode()) {
      if (node.shadowRoot) look(node.shadowRoot);
      const holder = node.parentElement;
      if (node.nodeType !== 3 || !node.data.trim() || !holder
        || !holder.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      if (holder.closest('style, script, option, .icon, [data-testid=stIconMaterial]')) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (box.width && isCut(holder, box)) {
        found.push(`${node.data.trim().slice(0, 40)} in ${holder.tagName}.${holder.className}`);
      }
    }
  };
  look(document.body);
  return [...new Set(found)];
}
"""
# What a finger must hit and is smaller than 40 px; the axes of parallel coordinates are tall.
SMALL = """
() => {
  const found = [], least = 39.5;
  const chosen = 'button, a[href], input:not([type=hidden]), select, textarea, summary,'
    + ' [role=button], [role=tab], [role=treeitem], [role=option]';
  const isAway = (element) => element.closest('[data-testid=stSidebar][data-collapsed=true]');
  const look = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) look(element.shadowRoot);
      const outer = element.getRootNode().host ?? element;
      if (!element.matches(chosen) || element.disabled || isAway(outer)
        || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const boxes = [element, element.closest('label') ?? element].map((one) =>
        one.getBoundingClientRect());
      const [width, height] = ['width', 'height'].map((side) =>
        Math.max(...boxes.map((box) => box[side])));
      if (width > 2 && height > 2 && (width < least || height < least)) {
        const name = (element.ariaLabel || element.textContent || '').trim().slice(0, 24);
        found.push(`${element.tagName} ${name}: ${Math.round(width)} x ${Math.round(height)}`);
      }
    }
  };
  look(document);
  return [...new Set(found)];
}
"""
PAGES = ("", "curves", "compare", "evaluate", "data", "run")
# Whatever the experiment, these show the same.
OTHERS = ("sweeps", "models", "sql")
# By number: a sweep with 240 parameters, media, nested folds, long names, odd values, all states.
EXPERIMENTS = {"light": (2, 4, 6), "dark": (1, 5), "phone": (3, 4)}
FRAMES = {
    "light": {"theme": "light", "width": 1440},
    "dark": {"theme": "dark", "width": 1440},
    "phone": {"theme": "light", "width": 390, "touch": True},
}


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """The path of the database, and run ids by experiment and by status."""
    path = Path(__file__).with_name("messy.py")
    spec = importlib.util.spec_from_file_location("messy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    database = module.build(tmp_path_factory.mktemp("messy"))
    return database, module.run_ids(database)


def addresses(frame, ids):
    """What is opened in a frame: each page on its experiments, and runs of every kind."""
    chosen = EXPERIMENTS[frame]
    yield from (f"{page}?experiment={number}" for number in chosen for page in PAGES)
    yield from OTHERS
    files = (
        "fig/x.pdf",
        "fig/x.svg",
        "audio/tone.wav",
        "report.html",
        "README.md",
        "data/rows.csv",
    )
    parts = ("Overview", "Curves", "Output", "Code+and+diff")
    run = f"run?run={ids['misc'][:8]}&experiment=2"
    if frame == "light":
        yield from (f"{run}&part=Files&file={file}" for file in files)
    yield from (f"{run}&part={part}" for part in parts)
    yield from (f"run?experiment=all&run={ids[status][:8]}" for status in ("FAILED", "KILLED"))
    yield f"run?experiment=4&part=Files&run={ids['long names'][:8]}"


@pytest.mark.parametrize("frame", FRAMES)
def test_no_page_of_a_messy_database_has_a_fault_or_clipped_text(messy, serve, visit, frame):
    database, ids = messy
    server = serve(database)
    visitor = visit(server, **FRAMES[frame])
    faults = {}
    for address in addresses(frame, ids):
        visitor.open(address).charts()
        faults[address] = [*visitor.wrongs, *visitor.page.evaluate(CLIPPED)]
        faults[address] += visitor.page.get_by_text("Page not found").all_text_contents()
        faults[address] += visitor.page.get_by_test_id("stException").all_text_contents()
        faults[address] += visitor.page.evaluate(SMALL) if frame == "phone" else []
        visitor.wrongs.clear()
    assert {address: found for address, found in faults.items() if found} == {}
    assert "Traceback" not in server.log.read_text()
