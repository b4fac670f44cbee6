// What is selected, in full: one sample, or a group of them.

const panel = byId("panel");

function openRow(row, fly) {
  state.selection = [row];
  state.insight = -1;
  state.focus = row;
  if (fly && Number.isFinite(xs[row])) {
    const [x, y] = toScreen(xs[row], ys[row]);
    const near = x > 30 && y > 30 && x < view.width - 30 && y < view.height - 30;
    if (!near) flyTo(Math.max(view.scale, 2 * wholeScale()), xs[row], ys[row]);
  }
  changed();
}

function select(rows, insight = -1) {
  state.selection = rows;
  state.insight = insight;
  state.focus = rows.length === 1 ? rows[0] : -1;
  changed();
}

function close() {
  if (panel.contains(document.activeElement)) overlay.focus();
  select([]);
}

function head(title, ...more) {
  return make("header", {}, make("h3", { title }, named(title)), ...more, make("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: close }, "×"));
}

function part(title, ...children) {
  return make("section", {}, make("h4", {}, title), ...children);
}

function shareBars(list) {
  return make("ul", { class: "probabilities" }, ...list.map(([name, share, text]) => {
    const width = 100 * Math.max(0, Math.min(1, share || 0));
    return make("li", {}, make("span", {}, named(name)),
      draw("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, draw("rect", { class: "rail", width: 100, height: 8 }), draw("rect", { width, height: 8 })),
      make("span", {}, text || percent(share)));
  }));
}

function table(list) {
  return make("dl", { class: "values" }, ...list.map(([name, value]) => make("div", {}, make("dt", {}, named(name)), make("dd", {}, named(value)))));
}

function onePanel(row) {
  const large = pictureOf(row) || thumb(row, 120);
  const truth = labels[row] === NONE ? "no label" : className(labels[row]);
  const right = labels[row] === predictions[row];
  const verdict = make("p", { class: "verdict" }, named(truth), " → ", make("b", { class: labels[row] === NONE ? "" : right ? "right" : "wrong" }, named(className(predictions[row]))),
    labels[row] === NONE ? "" : right ? " ✓" : " ✗");
  const counts = histograms && countsOf(row);
  const own = ["Data", "Metadata", "Attributes"].flatMap((group) => Array.from(fields.values()).filter((field) => field.group === group && field.key !== "bins"));
  const numbers = Array.from(fields.values()).filter((field) => /^(loss|metric)/.test(field.key)).map((field) => [field.label, valueOf(field, row)]);
  const near = neighboursOf(row);
  const found = groups.map((rows, place) => [place, rows]).filter(([, rows]) => rows.includes(row));
  return [
    head(data.ids[row]),
    verdict,
    large,
    data.top ? part("Prediction", shareBars(probabilities(row))) : null,
    numbers.length ? table(numbers) : null,
    near.length ? part("Similar samples", strip(near)) : null,
    found.length ? part("Insights", make("ul", { class: "plain" }, ...found.map(([place]) => make("li", {}, make("a", { href: `#insight-${place}` }, named(data.insights[place].title)))))) : null,
    counts ? part("Pixel histogram", bars(counts, null, `Pixel histogram of ${data.ids[row]}`)) : null,
    own.length ? part("Metadata", table(own.map((field) => [field.label, valueOf(field, row)]))) : null,
  ];
}

function showPanel() {
  const rows = state.selection;
  panel.hidden = !rows.length;
  document.body.classList.toggle("with-panel", rows.length > 0);
  if (rows.length === 1) replace(panel, ...onePanel(rows[0]));
  else if (rows.length) replace(panel, ...groupPanel(rows));
  else replace(panel);
  panel.scrollTop = 0;
}
