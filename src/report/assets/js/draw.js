// Painting: all marks into one picture, and over it what follows the hand.

const canvas = byId("points");
const overlay = byId("overlay");
const paper = canvas ? canvas.getContext("2d", { alpha: false, willReadFrequently: true }) : null;
const glass = overlay ? overlay.getContext("2d") : null;
let picture = null;
let pixels = null;
/** Pixels of the screen, and of the map's picture, for one of the page's. */
let screenRatio = 1;
let ratio = 1;

/** Colours and marks of all rows for the present state, made anew when it changes and not for every frame. */
const look = { colours: [], marks: [], rims: [], order: null, opacity: null };

const backgroundColour = () => (isDark() ? [20, 24, 29] : [255, 255, 255]);
const inkColour = () => (isDark() ? [236, 239, 242] : [24, 28, 33]);

const shapes = Uint8Array.from({ length: count }, (_, row) => {
  if (labels[row] === NONE) return TRIANGLE;
  return labels[row] === predictions[row] ? DISC : DIAMOND;
});
const shapeOf = (row) => shapes[row];

/** Marks grow a little as one comes closer, and are small where there are many. */
function baseRadius() {
  const many = count > 5000 ? 2.4 : count > 1000 ? 3.1 : 4.2;
  const closer = Math.max(1, view.scale / wholeScale());
  return many * Math.min(2.2, closer ** 0.28);
}

function markRadius(row, base) {
  if (state.sized && badness) return base * (0.7 + 2.1 * badness[row]);
  return base * (shapeOf(row) === DISC ? 1 : 1.25);
}

function prepareLook() {
  const field = fields.get(state.colour);
  const [background, ink] = [backgroundColour(), inkColour()];
  const selected = new Set(state.selection);
  const colours = new Map();
  look.colours = new Array(count);
  look.opacity = new Uint16Array(count);
  const first = [];
  const last = [];
  for (let row = 0; row < count; row += 1) {
    let colour = colourOf(field, row);
    if (state.sized && badness) {
      // Bigger and darker is worse; on black, stronger instead of darker.
      const bad = Math.round(16 * badness[row]) / 16;
      const key = `${colour}|${bad}`;
      if (!colours.has(key)) {
        const pale = mix(background, colour, 0.45 + 0.55 * Math.min(1, 1.6 * bad));
        colours.set(key, isDark() ? mix(pale, ink, 0.3 * Math.max(0, bad - 0.5)) : mix(pale, [0, 0, 0], 0.55 * Math.max(0, bad - 0.35)));
      }
      colour = colours.get(key);
    }
    look.colours[row] = colour;
    look.opacity[row] = selected.size > 1 && !selected.has(row) ? 56 : 235;
    (selected.size && selected.has(row) ? last : first).push(row);
  }
  const worstLast = (a, b) => badness[a] - badness[b] || a - b;
  if (state.sized && badness) [first, last].forEach((rows) => rows.sort(worstLast));
  look.order = Uint32Array.from(first.concat(last));
}

function resize() {
  const box = byId("plot").getBoundingClientRect();
  if (!box.width || !box.height) return false;
  screenRatio = Math.min(3, window.devicePixelRatio || 1);
  [view.width, view.height] = [box.width, box.height];
  overlay.width = Math.round(box.width * screenRatio);
  overlay.height = Math.round(box.height * screenRatio);
  resizePicture();
  return true;
}

function resizePicture() {
  ratio = screenRatio * (coarse ? 0.5 : 1);
  canvas.width = Math.round(view.width * ratio);
  canvas.height = Math.round(view.height * ratio);
  picture = paper.createImageData(canvas.width, canvas.height);
  pixels = new Uint32Array(picture.data.buffer);
}

/** Paints the whole map now. */
function paint() {
  if (!picture) return;
  prepareIfNeeded();
  const [width, height] = [canvas.width, canvas.height];
  const [background, ink] = [backgroundColour(), inkColour()];
  pixels.fill(0xff000000 | (background[2] << 16) | (background[1] << 8) | background[0]);
  const [scale, left, top] = [view.scale * ratio, view.width * ratio / 2 - view.x * view.scale * ratio, view.height * ratio / 2 - view.y * view.scale * ratio];
  const base = baseRadius() * ratio;
  const rim = Math.max(1, Math.round(ratio * 0.9));
  const margin = 14 * ratio;
  const filtered = shownCount < count;
  const sized = state.sized && badness;
  const plain = [DISC, DIAMOND, TRIANGLE].map((shape) => mask(shape, base * (shape === DISC ? 1 : 1.25), shape === DISC ? 0 : rim));
  const ghost = mask(DISC, Math.max(1, 0.45 * base), 0);
  const ghostColour = mix(background, ink, 0.35);
  for (let place = 0; place < look.order.length; place += 1) {
    const row = look.order[place];
    const x = xs[row] * scale + left;
    const y = ys[row] * scale + top;
    if (!(x > -margin && y > -margin && x < width + margin && y < height + margin)) continue;
    if (!shown[row]) {
      if (filtered) stamp(pixels, width, height, x, y, ghost, ghostColour, ghostColour, 70);
      continue;
    }
    const shape = shapes[row];
    const made = sized ? mask(shape, markRadius(row, base), shape === DISC ? 0 : rim) : plain[shape];
    stamp(pixels, width, height, x, y, made, look.colours[row], ink, look.opacity[row]);
  }
  paper.putImageData(picture, 0, 0);
  paintGlass();
}

/** What lies over the marks: the sample in focus, the one under the pointer, and the lasso. */
function paintGlass() {
  glass.setTransform(screenRatio, 0, 0, screenRatio, 0, 0);
  glass.clearRect(0, 0, view.width, view.height);
  const ink = css(inkColour());
  const ring = (row, more, width) => {
    if (row < 0 || !Number.isFinite(xs[row])) return;
    const radius = 1.2 * markRadius(row, baseRadius()) + more;
    const [x, y] = toScreen(xs[row], ys[row]);
    glass.beginPath();
    glass.arc(x, y, radius, 0, 2 * Math.PI);
    glass.lineWidth = width;
    glass.strokeStyle = ink;
    glass.stroke();
  };
  if (state.selection.length === 1) ring(state.selection[0], 6, 2.5);
  ring(state.focus, 3, 1.5);
  if (lassoPath.length > 1) {
    glass.beginPath();
    lassoPath.forEach(([x, y], place) => (place ? glass.lineTo(x, y) : glass.moveTo(x, y)));
    glass.closePath();
    glass.globalAlpha = 0.12;
    glass.fillStyle = ink;
    glass.fill();
    glass.globalAlpha = 1;
    glass.setLineDash([5, 4]);
    glass.lineWidth = 1.5;
    glass.strokeStyle = ink;
    glass.stroke();
    glass.setLineDash([]);
  }
}

let lookKey = "";
function prepareIfNeeded() {
  const key = `${state.colour}|${state.bins}|${state.sized}|${isDark()}|${selectionMark}`;
  if (key !== lookKey) prepareLook();
  lookKey = key;
}

let selectionMark = 0;
let frame = 0;
/** Paints with the next frame of the screen, however often it is called until then. */
function redraw() {
  if (!frame) frame = requestAnimationFrame(() => {
    frame = 0;
    const start = performance.now();
    paint();
    pace = 0.7 * pace + 0.3 * (performance.now() - start);
  });
}

/** Whether the map is painted at half its resolution, which slow machines do while it moves. */
let coarse = false;
/** About how many milliseconds painting takes. */
let pace = 0;
let rest = 0;
function moving() {
  if (!coarse && pace > 14) {
    coarse = true;
    resizePicture();
  }
  clearTimeout(rest);
  rest = setTimeout(() => {
    if (!coarse) return;
    coarse = false;
    resizePicture();
    paint();
    pace = 15;
  }, 180);
}
