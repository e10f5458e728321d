// What components tell one another of runs, by events of the window.

/** Hear ids of runs from others: `does.hover` takes those pointed at, `does.visible` those shown. */
function hearRuns(me, does) {
  const ears = new AbortController(), { signal } = ears;
  for (const [what, take] of Object.entries(does)) {
    const hear = ({ detail }) => { if (detail.from !== me) take(detail.ids); };
    window.addEventListener(`tracker:${what}`, hear, { signal });
  }
  return ears;
}

/** Tell the others ids of runs: 'hover' of those pointed at, 'visible' of those shown. */
function tellRuns(me, what, ids) {
  window.dispatchEvent(new CustomEvent(`tracker:${what}`, { detail: { ids, from: me } }));
}
