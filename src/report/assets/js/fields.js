// What samples can be coloured and filtered by.

/** All fields by key, in the order of the menus. */
const fields = new Map();

function addCategory(key, label, group, levels, codes) {
  const counts = new Array(levels.length).fill(0);
  for (const code of codes) if (code !== NONE) counts[code] += 1;
  // The commonest levels get colours of their own; classes keep their order.
  const order = levels.map((_, code) => code);
  if (levels.length > CATEGORY.length) order.sort((a, b) => counts[b] - counts[a] || a - b);
  const colours = new Array(levels.length).fill(GREY_RGB);
  order.slice(0, CATEGORY.length).forEach((code, place) => { colours[code] = CATEGORY[place]; });
  fields.set(key, { key, label, group, kind: "category", levels, codes, counts, colours, order });
}

function addNumber(key, label, group, values) {
  const field = { key, label, group, kind: "number", values };
  spread(field);
  fields.set(key, field);
}

/** The range between which colours change: all values but the outermost two in a hundred. */
function spread(field) {
  const sorted = Float32Array.from(field.values).filter(Number.isFinite).sort();
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  [field.least, field.most] = sorted.length ? [sorted[0], sorted[sorted.length - 1]] : [0, 0];
  [field.low, field.high] = sorted.length ? [at(0.02), at(0.98)] : [0, 0];
  if (!(field.high > field.low)) [field.low, field.high] = [field.least, field.most];
}

function addColumn(prefix, group, column) {
  const key = `${prefix}:${column.name}`;
  if (column.kind === "number") addNumber(key, column.name, group, floats(column.values));
  else addCategory(key, column.name, group, column.levels, shorts(column.codes));
}

function collectFields() {
  const labelled = labels.some((label) => label !== NONE);
  if (labelled) addCategory("truth", "ground truth", "Model", data.classes, labels);
  addCategory("prediction", "prediction", "Model", data.classes, predictions);
  if (labelled) {
    const codes = Uint16Array.from(labels, (label, row) => (label === NONE ? 2 : label === predictions[row] ? 0 : 1));
    addCategory("correct", "correctness", "Model", ["right", "wrong", "no label"], codes);
    fields.get("correct").colours = [CATEGORY[0], CATEGORY[4], GREY_RGB];
  }
  const confidence = Float32Array.from({ length: count }, (_, row) => (data.top ? topProbability[row * data.top] / 65535 : NaN));
  addNumber("confidence", "confidence", "Model", confidence);
  data.losses.forEach((column, place) => {
    if (place === 0) addNumber("loss", `loss (${column.name})`, "Model", losses);
    else addColumn("loss", "Model", column);
  });
  data.metrics.forEach((column) => addColumn("metric", "Model", column));
  addCategory("subset", "subset", "Data", data.subsets, shorts(data.subset));
  if (clusters) {
    const last = clusters.reduce((most, code) => (code === NONE ? most : Math.max(most, code)), -1);
    addCategory("cluster", "cluster", "Data", Array.from({ length: last + 1 }, (_, code) => `cluster ${code}`), clusters);
  }
  if (histograms) addNumber("bins", `${histograms.name}, a range of bins`, "Metadata", new Float32Array(count).fill(NaN));
  data.columns.forEach((column) => addColumn("m", "Metadata", column));
  data.attributes.forEach((column) => addColumn("a", "Attributes", column));
}

/** A row's value of a field in words. */
function valueOf(field, row) {
  if (field.kind === "number") return show(field.values[row]);
  return field.codes[row] === NONE ? "–" : field.levels[field.codes[row]];
}

/** On white the larger losses are the darker ones. */
const backwards = (field) => field.key.startsWith("loss") && !isDark();

/** A row's colour by a field. */
function colourOf(field, row) {
  if (field.kind === "category") return field.codes[row] === NONE ? GREY_RGB : field.colours[field.codes[row]];
  const value = field.values[row];
  if (!Number.isFinite(value)) return GREY_RGB;
  let share = field.high > field.low ? (value - field.low) / (field.high - field.low) : 0.5;
  if (backwards(field)) share = 1 - share;
  return RAMP[Math.max(0, Math.min(255, Math.round(255 * share)))];
}

/** How bad each row is by its loss, from 0 to 1; the root, so that middling losses show. */
let badness = null;
function rankLosses() {
  if (!losses) return;
  const field = fields.get("loss");
  const range = field.high - field.least || 1;
  badness = Float32Array.from(losses, (loss) => (Number.isFinite(loss) ? Math.sqrt(Math.max(0, Math.min(1, (loss - field.least) / range))) : 0));
}
