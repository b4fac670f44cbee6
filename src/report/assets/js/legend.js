// What colours and shapes mean; levels can be hidden.

const MOST_LEGEND = 24;

function glyph(shape, colour) {
  const paths = ["M8 2.5A5.5 5.5 0 1 0 8 13.5A5.5 5.5 0 1 0 8 2.5Z", "M8 1L15 8L8 15L1 8Z", "M8 2L15 14H1Z"];
  return draw("svg", { viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true" }, draw("path", { d: paths[shape], fill: colour, class: shape === DISC ? "" : "rim" }));
}

function showLegend() {
  const field = fields.get(state.colour);
  const parts = [];
  if (field.kind === "category") {
    const counts = new Map();
    for (let row = 0; row < count; row += 1) counts.set(field.codes[row], (counts.get(field.codes[row]) || 0) + 1);
    const codes = field.order.filter((code) => counts.get(code));
    const listed = codes.slice(0, MOST_LEGEND);
    if (counts.has(NONE)) listed.push(NONE);
    for (const code of listed) {
      const name = code === NONE ? (field.key === "cluster" ? "no cluster" : "none") : field.levels[code];
      const colour = css(code === NONE ? GREY_RGB : field.colours[code]);
      const shape = field.key === "correct" ? code : DISC;
      parts.push(make("button", { type: "button", class: "level", "aria-pressed": String(!state.hidden.has(code)), title: `${name}: show or hide`, "data-level": String(code), onclick: () => {
        if (!state.hidden.delete(code)) state.hidden.add(code);
        changed();
      } }, glyph(shape, colour), named(name), make("small", {}, counts.get(code).toLocaleString("en"))));
    }
    if (codes.length > MOST_LEGEND) parts.push(make("span", { class: "note" }, `and ${codes.length - MOST_LEGEND} more`));
    if (state.hidden.size) parts.push(make("button", { type: "button", class: "quiet", onclick: () => {
      state.hidden.clear();
      changed();
    } }, "Show all"));
  } else {
    const ramp = make("span", { class: "ramp" });
    ramp.style.background = `linear-gradient(to right, ${(backwards(field) ? VIRIDIS.slice().reverse() : VIRIDIS).join(", ")})`;
    parts.push(make("span", { class: "numbers" }, named(field.label), make("span", {}, show(field.low)), ramp, make("span", {}, show(field.high))));
    if (field.values.some((value) => !Number.isFinite(value))) parts.push(make("span", { class: "level" }, glyph(DISC, GREY), "not known"));
  }
  if (field.key !== "correct") {
    const ink = css(mix(inkColour(), backgroundColour(), 0.4));
    const shapes = [[DISC, "right"], [DIAMOND, "wrong"], [TRIANGLE, "no label"]];
    const there = new Set();
    for (let row = 0; row < count; row += 1) there.add(shapeOf(row));
    parts.push(make("span", { class: "shapes" }, ...shapes.filter(([shape]) => there.has(shape)).map(([shape, name]) => make("span", { class: "level" }, glyph(shape, ink), name))));
  }
  if (state.sized && losses) parts.push(make("span", { class: "note" }, isDark() ? "Bigger and stronger: larger loss." : "Bigger and darker: larger loss."));
  replace(byId("legend"), ...parts);
}
