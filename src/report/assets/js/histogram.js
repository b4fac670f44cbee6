// Pixel histograms: each bin as the root of its share of the highest, in 255 steps.

const histograms = read("histograms");
const histogramOf = new Map();
const roots = histograms ? bytes(histograms.roots) : null;
const largest = histograms ? floats(histograms.largest) : null;
if (histograms) longs(histograms.rows).forEach((row, place) => histogramOf.set(row, place));

/** A row's counts, or null. */
function countsOf(row) {
  const place = histogramOf.get(row);
  if (place === undefined) return null;
  const own = roots.subarray(place * histograms.bins, (place + 1) * histograms.bins);
  return Float32Array.from(own, (root) => largest[place] * (root / 255) ** 2);
}

/** The sum of each row's counts between two bins, both included, as the field by which the map can be coloured. */
function fillBins(low, high) {
  const field = fields.get("bins");
  const range = [low, high].map((bin) => Math.max(0, Math.min(histograms.bins - 1, bin - histograms.first)));
  field.label = low === high ? `${histograms.name}_${low}` : `${histograms.name}_${low}..${high}`;
  for (const [row, place] of histogramOf) {
    let sum = 0;
    for (let bin = range[0]; bin <= range[1]; bin += 1) sum += (roots[place * histograms.bins + bin] / 255) ** 2;
    field.values[row] = largest[place] * sum;
  }
  spread(field);
}

/** The mean of rows' histograms, each as shares of its sum; null if none has one. */
function meanCounts(rows) {
  const mean = new Float64Array(histograms ? histograms.bins : 0);
  let held = 0;
  for (const row of rows) {
    const counts = histograms && countsOf(row);
    if (!counts) continue;
    const sum = counts.reduce((total, value) => total + value, 0);
    if (sum > 0) counts.forEach((value, bin) => { mean[bin] += value / sum; });
    held += sum > 0 ? 1 : 0;
  }
  return held ? mean.map((value) => value / held) : null;
}

/** Bars of one histogram, and a line of another to compare with. */
function bars(counts, compared, label) {
  const [width, height] = [320, 90];
  const inner = (values) => values.slice(1, -1).reduce((most, value) => Math.max(most, value), 0);
  const top = 1.05 * Math.max(inner(counts), compared ? inner(compared) : 0) || 1;
  const step = width / counts.length;
  const tall = (value) => Math.min(1, value / top) * height;
  let path = "";
  counts.forEach((value, bin) => {
    if (value > 0) path += `M${(bin * step).toFixed(2)} ${height}v${(-tall(value)).toFixed(2)}h${step.toFixed(3)}V${height}z`;
  });
  const svg = draw("svg", { viewBox: `0 -2 ${width} ${height + 16}`, class: "bars", role: "img", "aria-label": label }, draw("path", { class: "bar", d: path }));
  if (compared) {
    const line = Array.from(compared, (value, bin) => `${bin ? "L" : "M"}${((bin + 0.5) * step).toFixed(1)} ${(height - tall(value)).toFixed(1)}`).join("");
    svg.append(draw("path", { class: "compared", d: line }));
  }
  svg.append(draw("path", { class: "axis", d: `M0 ${height}H${width}` }));
  [0, 0.5, 1].forEach((share) => {
    const bin = histograms.first + Math.round(share * (histograms.bins - 1));
    svg.append(draw("text", { x: share * width, y: height + 12, class: ["start", "middle", "end"][2 * share] }, String(bin)));
  });
  return svg;
}
