// Which samples are shown: filters, and what the legend hides.

/** 1 for each row that is shown. */
const shown = new Uint8Array(count).fill(1);
let shownCount = count;

function passes(filter, row) {
  const field = fields.get(filter.key);
  if (field.kind === "number") return field.values[row] >= filter.low && field.values[row] <= filter.high;
  return filter.levels.includes(field.codes[row] === NONE ? -1 : field.codes[row]);
}

function applyFilters() {
  const colour = fields.get(state.colour);
  shownCount = 0;
  for (let row = 0; row < count; row += 1) {
    const hidden = colour.kind === "category" && state.hidden.has(colour.codes[row]);
    shown[row] = Number(Number.isFinite(xs[row]) && !hidden && state.filters.every((filter) => passes(filter, row)));
    shownCount += shown[row];
  }
  byId("shown").textContent = `${plural(shownCount, "sample")} of ${count.toLocaleString("en")} shown` +
    (state.selection.length ? `, ${state.selection.length.toLocaleString("en")} selected.` : ".");
}

function words(filter) {
  const field = fields.get(filter.key);
  if (field.kind === "number") return `${field.label} ${show(filter.low)} to ${show(filter.high)}`;
  const names = filter.levels.map((code) => (code < 0 ? "none" : field.levels[code]));
  return `${field.label}: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
}

function setFilter(filter) {
  state.filters = state.filters.filter((other) => other.key !== filter.key).concat([filter]);
  changed();
}

function showChips() {
  replace(byId("chips"), ...state.filters.map((filter) => make("li", {}, named(words(filter)),
    make("button", { type: "button", "aria-label": `Remove the filter ${words(filter)}`, onclick: () => {
      state.filters = state.filters.filter((other) => other !== filter);
      changed();
    } }, "×"))));
}

/** Levels beyond these are found by search, not ticked. */
const MOST_TICKS = 60;

function filterForm(key) {
  const field = fields.get(key);
  const before = state.filters.find((filter) => filter.key === key);
  if (field.kind === "number") {
    const input = (value, label) => make("input", { type: "number", step: "any", value: String(Number(value.toPrecision(6))), "aria-label": `${label} of ${field.label}` });
    const [low, high] = [input(before ? before.low : field.least, "Least"), input(before ? before.high : field.most, "Most")];
    const apply = () => {
      // What was rounded for display must not cut off the ends.
      const end = (box, own) => (box.value === "" || Number(box.value) === Number(own.toPrecision(6)) ? own : Number(box.value));
      setFilter({ key, low: end(low, field.least), high: end(high, field.most) });
    };
    low.addEventListener("change", apply);
    high.addEventListener("change", apply);
    return make("div", { class: "ticks" }, make("label", {}, "from ", low), make("label", {}, "to ", high));
  }
  const codes = field.order.filter((code) => field.counts[code] > 0).slice(0, MOST_TICKS);
  if (field.codes.includes(NONE)) codes.push(-1);
  const ticked = new Set(before ? before.levels : codes);
  const tick = (code) => make("label", { class: "check" }, make("input", { type: "checkbox", checked: ticked.has(code), onchange: (event) => {
    if (event.target.checked) ticked.add(code);
    else ticked.delete(code);
    setFilter({ key, levels: Array.from(ticked) });
  } }), " ", named(code < 0 ? "none" : field.levels[code]));
  return make("div", { class: "ticks" }, ...codes.map(tick));
}

function startFilters() {
  const place = make("div");
  const menu = fieldMenu("", (key) => replace(place, filterForm(key)));
  replace(byId("filters"), make("label", {}, "By ", menu), place);
  const open = (on) => {
    byId("filters").hidden = !on;
    byId("filter-button").setAttribute("aria-expanded", String(on));
    if (on) replace(place, filterForm(menu.value));
  };
  byId("filter-button").addEventListener("click", () => open(byId("filters").hidden));
}

/** A menu of all fields. */
function fieldMenu(id, chosen) {
  const menu = id ? byId(id) : make("select");
  for (const group of new Set(Array.from(fields.values(), (field) => field.group))) {
    const options = Array.from(fields.values()).filter((field) => field.group === group);
    menu.append(make("optgroup", { label: group }, ...options.map((field) => make("option", { value: field.key }, field.label))));
  }
  menu.addEventListener("change", () => chosen(menu.value));
  return menu;
}
