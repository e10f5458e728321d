// How a hand moves the curves: pointer, touch, wheel and keys on one panel's canvas.

const CLICK = 4, BOX = 32;

function listen(curves, canvas, now) { // To pointer, touch, wheel and keys.
  let start = null;
  const scale = () => curves.scale(now());
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const zoom = (factor, at) => {
    const { x, atX, right } = scale(), middle = x(at);
    curves.show(now(), [LEFT, right].map((edge) => atX(middle + (edge - middle) * factor)));
  };
  const drag = ([x, y]) => { // Over x, over y beside the axis, over both where it is tall.
    const { atX, atY, right, foot } = scale(), side = start.x < LEFT;
    const sorted = (values) => values.sort((a, b) => a - b);
    const hold = (value, low, high) => Math.min(high, Math.max(low, value));
    const tall = side || Math.abs(y - start.y) > BOX;
    const over = [start.x, x].map((px) => atX(hold(px, LEFT, right)));
    const along = [start.y, y].map((py) => atY(hold(py, TOP, foot)));
    curves.drag = { panel: now(), x: side ? null : sorted(over), y: tall ? sorted(along) : null };
    curves.redraw();
  };
  const move = ([x, y]) => {
    const { atX, right, bottom, top, tall, back } = start.scale, panel = now();
    const dy = ((y - start.y) / tall) * (top - bottom);
    const heights = curves.zoom.y[panel.name] && [back(bottom + dy), back(top + dy)];
    curves.show(panel, [LEFT, right].map((edge) => atX(edge + start.x - x)), heights);
  };
  const fingers = () => [...curves.touches.values()].sort((a, b) => a - b);
  const pinch = () => {
    const [a, b] = fingers(), each = (start.to - start.from) / Math.max(20, b - a);
    const low = start.from - (a - LEFT) * each;
    curves.show(now(), [low, low + each * scale().wide]);
  };
  canvas.onpointerdown = (event) => {
    const [x, y] = place(event);
    canvas.setPointerCapture(event.pointerId);
    if (event.pointerType !== 'touch') {
      start = event.button ? null : { x, y, scale: scale(), moves: event.shiftKey };
    } else if (curves.touches.set(event.pointerId, x).size === 2) {
      const [from, to] = fingers().map(scale().atX);
      start = { from, to };
    } else curves.point(now(), x, y);
  };
  canvas.onpointermove = (event) => {
    const [x, y] = place(event);
    if (curves.touches.has(event.pointerId)) curves.touches.set(event.pointerId, x);
    if (!start) curves.point(now(), x, y);
    else if ('from' in start) pinch();
    else if (start.moves) move([x, y]);
    else if (curves.drag || Math.hypot(x - start.x, y - start.y) > CLICK) drag([x, y]);
  };
  canvas.onpointerup = canvas.onpointercancel = (event) => {
    const { drag: done } = curves, [begun] = [start];
    curves.touches.delete(event.pointerId);
    start = curves.touches.size ? start : null;
    curves.drag = null;
    if (done && event.type === 'pointerup') curves.show(done.panel, done.x, done.y);
    else if (begun && !begun.moves && !('from' in begun)) curves.pin();
  };
  canvas.onpointerleave = ({ pointerType }) => start ?? (pointerType === 'touch' || curves.leave());
  canvas.ondblclick = () => curves.reset();
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(1.0015 ** event.deltaY, scale().atX(place(event)[0]));
  }, { passive: false });
  canvas.onkeydown = (event) => {
    const { low, high } = scale(), at = curves.cursor?.x ?? (low + high) / 2;
    const isLarge = now().nodes.section.classList.contains('large');
    const keys = { ArrowRight: () => curves.step(now(), 1), ArrowLeft: () => curves.step(now(), -1),
      '+': () => zoom(0.5, at), '=': () => zoom(0.5, at), '-': () => zoom(2, at),
      Escape: () => (isLarge ? curves.enlarge(now()) : curves.reset()) };
    if (event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
}
