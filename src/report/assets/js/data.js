// The data behind the page: JSON whose long columns are base64 of little-endian numbers.

function read(id) {
  const element = byId(id);
  const text = element ? element.textContent.trim() : "";
  return text ? JSON.parse(text) : null;
}

function bytes(text) {
  const raw = atob(text);
  const unpacked = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place += 1) unpacked[place] = raw.charCodeAt(place);
  return unpacked;
}

const floats = (text) => new Float32Array(bytes(text).buffer);
const shorts = (text) => new Uint16Array(bytes(text).buffer);
const longs = (text) => new Uint32Array(bytes(text).buffer);

/** What stands for nothing in columns of whole numbers. */
const NONE = 65535;
const NO_ROW = 4294967295;

const data = read("data");
const count = data ? data.count : 0;
const labels = data ? shorts(data.label) : null;
const predictions = data ? shorts(data.prediction) : null;
const losses = data && data.losses.length ? floats(data.losses[0].values) : null;
const clusters = data && data.clusters ? shorts(data.clusters) : null;
const groups = data ? data.insights.map((insight) => Array.from(longs(insight.rows))) : [];

const className = (code) => (data && data.classes[code] !== undefined ? data.classes[code] : "–");

/** The likeliest classes of a sample, the first first. */
const topClass = data ? shorts(data.top_class) : null;
const topProbability = data ? shorts(data.top_probability) : null;
function probabilities(row) {
  const list = [];
  for (let place = row * data.top; place < (row + 1) * data.top; place += 1) {
    if (topClass[place] !== NONE) list.push([className(topClass[place]), topProbability[place] / 65535]);
  }
  return list;
}

/** Points in the unit square, y upwards turned downwards; NaN for those that have no place. */
const xs = new Float32Array(count);
const ys = new Float32Array(count);
function placePoints() {
  const points = floats(data.points);
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < count; row += 1) {
    const [x, y] = [points[2 * row], points[2 * row + 1]];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [low, high] = [Math.min(low, y), Math.max(high, y)];
  }
  const extent = Math.max(right - left, high - low) || 1;
  for (let row = 0; row < count; row += 1) {
    const [x, y] = [points[2 * row], points[2 * row + 1]];
    const there = Number.isFinite(x) && Number.isFinite(y);
    xs[row] = there ? 0.5 + (x - (left + right) / 2) / extent : NaN;
    ys[row] = there ? 0.5 - (y - (low + high) / 2) / extent : NaN;
  }
}
