// A group of samples: how the model does on it, and what sets it apart from the rest.

/** Small pictures listed of a group. */
const MOST_TILES = 48;

const mean = (values) => {
  const finite = values.filter(Number.isFinite);
  return finite.length ? finite.reduce((sum, value) => sum + value, 0) / finite.length : NaN;
};

/** Cliff's delta of a column inside against outside, by ranks; ties count half. */
function cliff(values, members) {
  const rows = [];
  for (let row = 0; row < count; row += 1) if (Number.isFinite(values[row])) rows.push(row);
  rows.sort((a, b) => values[a] - values[b]);
  let [within, ranks] = [0, 0];
  for (let place = 0; place < rows.length;) {
    let end = place;
    while (end < rows.length && values[rows[end]] === values[rows[place]]) end += 1;
    for (let tied = place; tied < end; tied += 1) {
      if (members.has(rows[tied])) [within, ranks] = [within + 1, ranks + (place + end + 1) / 2];
    }
    place = end;
  }
  const without = rows.length - within;
  return within && without ? (2 * (ranks - (within * (within + 1)) / 2)) / (within * without) - 1 : 0;
}

/** The fields in which a group differs most. No test: a look, not a finding. */
function differences(members) {
  const found = [];
  for (const field of fields.values()) {
    if (field.group !== "Metadata" || field.key === "bins") continue;
    if (field.kind === "number") {
      const effect = cliff(field.values, members);
      const median = (keep) => {
        const sorted = Float32Array.from(field.values.filter((value, row) => Number.isFinite(value) && members.has(row) === keep)).sort();
        return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN;
      };
      if (Math.abs(effect) > 0.1) found.push([field.label, show(median(true)), show(median(false)), effect]);
    } else if (field.levels.length <= 50) {
      let best = null;
      field.levels.forEach((level, code) => {
        let inside = 0;
        for (const row of members) inside += Number(field.codes[row] === code);
        const [a, b] = [inside / members.size, (field.counts[code] - inside) / Math.max(1, count - members.size)];
        if (!best || Math.abs(a - b) > Math.abs(best[3])) best = [`${field.label} = ${level}`, percent(a), percent(b), a - b];
      });
      if (best && Math.abs(best[3]) > 0.1) found.push(best);
    }
  }
  return found.sort((a, b) => Math.abs(b[3]) - Math.abs(a[3])).slice(0, 6);
}

function groupPanel(rows) {
  const members = new Set(rows);
  const rest = Array.from({ length: count }, (_, row) => row).filter((row) => !members.has(row));
  const accuracy = (list) => mean(list.map((row) => (labels[row] === NONE ? NaN : Number(labels[row] === predictions[row]))));
  const loss = (list) => (losses ? mean(list.map((row) => losses[row])) : NaN);
  const classes = new Map();
  for (const row of rows) {
    const name = labels[row] === NONE ? "no label" : className(labels[row]);
    classes.set(name, (classes.get(name) || 0) + 1);
  }
  const title = state.insight >= 0 ? data.insights[state.insight].title : plural(rows.length, "sample");
  const byLoss = rows.slice().sort((a, b) => (losses ? (losses[b] || 0) - (losses[a] || 0) : 0) || a - b);
  const apart = differences(members);
  const [inside, outside] = histograms ? [meanCounts(rows), meanCounts(rest)] : [null, null];
  const results = make("div");
  const fetchSimilar = make("button", { type: "button", id: "similar", onclick: () => {
    const found = similarTo(rows, 36);
    const votes = new Map(found);
    replace(results, make("p", { class: "note" }, found.length ? `Counted among the ${data.neighbours.count} nearest of most of the selected, those first:` : "None outside the selection."),
      strip(found.map(([row]) => row), (row) => `, near ${votes.get(row)} of ${rows.length}`),
      found.length ? make("button", { type: "button", onclick: () => select(found.map(([row]) => row)) }, "Select these") : null);
  } }, "Fetch similar");
  return [
    head(title),
    make("p", { class: "verdict" }, state.insight >= 0 ? `${plural(rows.length, "sample")} · ` : "", `right ${percent(accuracy(rows))}, of the rest ${percent(accuracy(rest))}`, losses ? ` · mean loss ${show(Number(loss(rows).toPrecision(3)))}, of the rest ${show(Number(loss(rest).toPrecision(3)))}` : ""),
    part("Ground truth", shareBars(Array.from(classes).sort((a, b) => b[1] - a[1]).slice(0, 8).map(([name, number]) => [name, number / rows.length, number.toLocaleString("en")]))),
    apart.length ? part("What sets it apart", make("table", { class: "apart" }, make("thead", {}, make("tr", {}, ...["metadata", "inside", "outside", "effect"].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...apart.map(([name, a, b, effect]) => make("tr", {}, make("th", { scope: "row" }, named(name)), make("td", {}, a), make("td", {}, b), make("td", {}, `${effect > 0 ? "+" : "−"}${Math.abs(effect).toFixed(2)}`)))))) : null,
    inside ? part("Mean pixel histogram", bars(inside, outside, "Mean pixel histogram of the selection"), outside ? make("p", { class: "note" }, "Bars: the selection. Line: all others.") : null) : null,
    part("Samples", strip(byLoss.slice(0, MOST_TILES)), rows.length > MOST_TILES ? make("p", { class: "note" }, `The ${MOST_TILES} with the largest loss of ${rows.length.toLocaleString("en")}.`) : null),
    neighbourRows ? part("Similar samples", fetchSimilar, results) : null,
  ];
}
