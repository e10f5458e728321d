// What components tell one another of runs, by events of the window.

/** Hear ids of runs from others, until it is aborted: `hover` of those pointed at, `visible` shown. */
function hearRuns(me, handlers) {
  const hearing = new AbortController(), { signal } = hearing;
  for (const [what, take] of Object.entries(handlers)) {
    const hear = ({ detail }) => { if (detail.from !== me) take(detail.ids); };
    window.addEventListener(`tracker:${what}`, hear, { signal });
  }
  return hearing;
}

/** Tell the others ids of runs: 'hover' of those pointed at, 'visible' of those shown. */
function tellRuns(me, what, ids) {
  window.dispatchEvent(new CustomEvent(`tracker:${what}`, { detail: { ids, from: me } }));
}
