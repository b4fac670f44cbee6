// Hand and mouse: pan, pinch, wheel, lasso, hover, click.

let lassoPath = [];
let lassoOn = false;
const pointers = new Map();
let moved0 = 0;
let drawing = false;
let additive = false;

function where(event) {
  const box = overlay.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function setLasso(on) {
  lassoOn = on;
  byId("lasso").setAttribute("aria-pressed", String(on));
  overlay.classList.toggle("crosshair", on);
}

function hideTip() {
  byId("tip").hidden = true;
  if (overlay.dataset.hover) {
    delete overlay.dataset.hover;
    if (state.selection.length !== 1) state.focus = -1;
    paintGlass();
  }
}

/** The small window at a sample: picture, name, labels, the value by which the map is coloured. */
function showTip(row) {
  const tip = byId("tip");
  if (overlay.dataset.hover === String(row) && !tip.hidden) return;
  overlay.dataset.hover = String(row);
  state.focus = row;
  const field = fields.get(state.colour);
  const lines = [`${labels[row] === NONE ? "no label" : className(labels[row])} → ${className(predictions[row])}`];
  if (losses) lines.push(`loss ${show(Number(losses[row].toPrecision(4)))}`);
  if (!["truth", "prediction", "loss", "correct"].includes(field.key)) lines.push(`${field.label}: ${valueOf(field, row)}`);
  replace(tip, thumb(row, 96), make("b", {}, named(data.ids[row])), ...lines.map((line) => make("span", {}, named(line))));
  tip.hidden = false;
  const [x, y] = toScreen(xs[row], ys[row]);
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(4, Math.min(view.width - width - 4, x + 14 + width > view.width ? x - width - 14 : x + 14))}px`;
  tip.style.top = `${Math.max(4, Math.min(view.height - height - 4, y - height / 2))}px`;
  paintGlass();
}

function pointerDown(event) {
  overlay.focus({ preventScroll: true });
  overlay.setPointerCapture(event.pointerId);
  cancelAnimationFrame(flight);
  pointers.set(event.pointerId, where(event));
  moved0 = 0;
  additive = event.ctrlKey || event.metaKey;
  drawing = pointers.size === 1 && (lassoOn || event.shiftKey);
  lassoPath = drawing ? [where(event)] : [];
}

function pointerMove(event) {
  const here = where(event);
  const before = pointers.get(event.pointerId);
  if (!before) {
    if (event.pointerType === "touch") return;
    const row = hit(here[0], here[1], 12);
    overlay.classList.toggle("over", row >= 0 && !lassoOn);
    if (row >= 0) showTip(row);
    else hideTip();
    return;
  }
  moved0 += Math.hypot(here[0] - before[0], here[1] - before[1]);
  if (moved0 > 3) hideTip();
  if (drawing) {
    lassoPath.push(here);
    paintGlass();
  } else if (pointers.size === 2) {
    pinch(event.pointerId, before, here);
  } else if (moved0 > 3) {
    setView(view.scale, view.x - (here[0] - before[0]) / view.scale, view.y - (here[1] - before[1]) / view.scale);
  }
  pointers.set(event.pointerId, here);
}

/** Two fingers: the map keeps to both. */
function pinch(id, before, here) {
  const [, other] = Array.from(pointers).find(([key]) => key !== id);
  const [from, to] = [before, here].map((point) => Math.hypot(point[0] - other[0], point[1] - other[1]));
  const middle = [0, 1].map((part) => (here[part] + other[part]) / 2);
  view.x -= (here[0] - before[0]) / 2 / view.scale;
  view.y -= (here[1] - before[1]) / 2 / view.scale;
  if (from > 0 && to > 0) zoomAt(middle[0], middle[1], to / from);
}

function pointerUp(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (drawing) {
    const path = lassoPath;
    [drawing, lassoPath] = [false, []];
    if (path.length > 3) {
      const found = inside(path);
      select(additive ? Array.from(new Set(state.selection.concat(found))) : found);
      setLasso(false);
      return;
    }
    paintGlass();
  }
  if (moved0 > 3 || event.type === "pointercancel" || pointers.size) return;
  const here = where(event);
  const row = hit(here[0], here[1], event.pointerType === "touch" ? 22 : 12);
  if (row < 0) return;
  if (additive) {
    const others = state.selection.filter((other) => other !== row);
    select(others.length < state.selection.length ? others : others.concat([row]));
  } else {
    openRow(row, false);
  }
}

function startPointer() {
  overlay.addEventListener("pointerdown", pointerDown);
  overlay.addEventListener("pointermove", pointerMove);
  overlay.addEventListener("pointerup", pointerUp);
  overlay.addEventListener("pointercancel", pointerUp);
  overlay.addEventListener("pointerleave", hideTip);
  overlay.addEventListener("wheel", (event) => {
    event.preventDefault();
    hideTip();
    const [x, y] = where(event);
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    zoomAt(x, y, Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * 0.0022));
  }, { passive: false });
}
