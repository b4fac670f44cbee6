// Where the map is looked at: a scale in pixels, and the point of the unit square that is in the middle.

const view = { scale: 1, x: 0.5, y: 0.5, width: 0, height: 0 };
const CLOSEST = 400;

const wholeScale = () => 0.92 * Math.min(view.width, view.height);
const toScreen = (x, y) => [(x - view.x) * view.scale + view.width / 2, (y - view.y) * view.scale + view.height / 2];
const toMap = (x, y) => [(x - view.width / 2) / view.scale + view.x, (y - view.height / 2) / view.scale + view.y];

function moved() {
  state.zoom = [view.scale / wholeScale(), view.x, view.y];
  remember();
  moving();
  redraw();
}

function setView(scale, x, y) {
  view.scale = Math.max(0.5 * wholeScale(), Math.min(CLOSEST * wholeScale(), scale));
  view.x = Math.max(-0.5, Math.min(1.5, x));
  view.y = Math.max(-0.5, Math.min(1.5, y));
  moved();
}

function zoomAt(x, y, factor) {
  const [mapX, mapY] = toMap(x, y);
  const scale = Math.max(0.5 * wholeScale(), Math.min(CLOSEST * wholeScale(), view.scale * factor));
  setView(scale, mapX - (x - view.width / 2) / scale, mapY - (y - view.height / 2) / scale);
}

const zoomMiddle = (factor) => zoomAt(view.width / 2, view.height / 2, factor);

/** Restores the view that the state tells of, or all. */
function placeView() {
  const [zoom, x, y] = state.zoom || [1, 0.5, 0.5];
  [view.scale, view.x, view.y] = [zoom * wholeScale(), x, y];
}

let flight = 0;
/** Goes to a view smoothly, at once where motion is unwelcome. */
function flyTo(scale, x, y) {
  cancelAnimationFrame(flight);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return setView(scale, x, y);
  const from = [Math.log(view.scale), view.x, view.y];
  const start = performance.now();
  const step = (now) => {
    const time = Math.max(0, Math.min(1, (now - start) / 350));
    const ease = time * time * (3 - 2 * time);
    const [a, b, c] = [Math.log(scale), x, y].map((to, part) => from[part] + (to - from[part]) * ease);
    setView(Math.exp(a), b, c);
    if (time < 1) flight = requestAnimationFrame(step);
  };
  flight = requestAnimationFrame(step);
  return undefined;
}

function flyToAll() {
  flyTo(wholeScale(), 0.5, 0.5);
}

/** Shows these rows as large as they fit, but for the outermost few. */
function flyToRows(rows) {
  const there = rows.filter((row) => Number.isFinite(xs[row]));
  if (!there.length) return;
  const range = (values) => {
    const sorted = there.map((row) => values[row]).sort((a, b) => a - b);
    const cut = there.length > 40 ? 0.02 : 0;
    return [sorted[Math.floor(cut * (sorted.length - 1))], sorted[Math.ceil((1 - cut) * (sorted.length - 1))]];
  };
  const [[left, right], [top, bottom]] = [range(xs), range(ys)];
  const fit = 0.7 * Math.min(view.width / (right - left || 1e-9), view.height / (bottom - top || 1e-9));
  flyTo(Math.max(0.9 * wholeScale(), Math.min(fit, (there.length === 1 ? 3 : 12) * wholeScale())), (left + right) / 2, (top + bottom) / 2);
}
