// What is looked at, and how. It is kept in the address, so that a view can be shared.

const state = {
  colour: "truth",
  sized: false,
  bins: null,
  filters: [],
  hidden: new Set(),
  selection: [],
  insight: -1,
  focus: -1,
  zoom: null,
  theme: "",
};

/** Ascending rows as differences in base 36, runs of neighbours as `start+length`. */
function packRows(rows) {
  const sorted = Array.from(rows).sort((a, b) => a - b);
  const parts = [];
  let before = 0;
  for (let place = 0; place < sorted.length;) {
    let run = 1;
    while (place + run < sorted.length && sorted[place + run] === sorted[place] + run) run += 1;
    parts.push((sorted[place] - before).toString(36) + (run > 1 ? `*${run.toString(36)}` : ""));
    before = sorted[place + run - 1];
    place += run;
  }
  return parts.join(".");
}

function unpackRows(text) {
  const rows = [];
  let before = 0;
  for (const part of text.split(".").filter(Boolean)) {
    const [step, run] = part.split("*").map((number) => parseInt(number, 36));
    for (let more = 0; more < Math.min(run || 1, count); more += 1) {
      before += more === 0 ? step : 1;
      if (Number.isInteger(before) && before >= 0 && before < count) rows.push(before);
    }
  }
  return rows;
}

/** The address's fragment for the present state. */
function stateToHash() {
  const parts = new URLSearchParams();
  parts.set("colour", state.colour);
  if (state.sized) parts.set("size", "loss");
  if (state.bins) parts.set("bins", state.bins.join("-"));
  if (state.hidden.size) parts.set("hide", Array.from(state.hidden).join("."));
  for (const filter of state.filters) parts.append("filter", JSON.stringify([filter.key, filter.low ?? null, filter.high ?? null, filter.levels ?? null]));
  if (state.insight >= 0) parts.set("insight", String(state.insight));
  else if (state.selection.length) parts.set("select", packRows(state.selection));
  if (state.zoom) parts.set("zoom", state.zoom.map((number) => Number(number.toPrecision(6))).join(","));
  if (state.theme) parts.set("theme", state.theme);
  return `#${parts}`;
}

/** Takes over what an address says; what makes no sense is passed over. Gives whether it said anything. */
function stateFromHash(hash) {
  if (!hash.includes("=")) return false;
  const parts = new URLSearchParams(hash.slice(1));
  const theme = parts.get("theme");
  state.theme = theme === "dark" || theme === "light" ? theme : "";
  if (!data) return true;
  if (fields.has(parts.get("colour"))) state.colour = parts.get("colour");
  state.sized = parts.get("size") === "loss";
  const bins = (parts.get("bins") || "").split("-").map(Number);
  state.bins = bins.length === 2 && bins.every(Number.isInteger) ? bins : null;
  state.hidden = new Set((parts.get("hide") || "").split(".").filter(Boolean).map(Number));
  state.filters = parts.getAll("filter").map(filterFrom).filter(Boolean);
  const insight = Number(parts.get("insight") ?? -1);
  state.insight = groups[insight] ? insight : -1;
  state.selection = state.insight >= 0 ? groups[state.insight].slice() : unpackRows(parts.get("select") || "");
  const zoom = (parts.get("zoom") || "").split(",").map(Number);
  state.zoom = zoom.length === 3 && zoom.every(Number.isFinite) && zoom[0] > 0 ? zoom : null;
  return true;
}

function filterFrom(text) {
  try {
    const [key, low, high, levels] = JSON.parse(text);
    const field = fields.get(key);
    if (!field) return null;
    if (field.kind === "number") return { key, low: Number(low ?? field.least), high: Number(high ?? field.most) };
    return Array.isArray(levels) ? { key, levels: levels.map(Number) } : null;
  } catch {
    return null;
  }
}

let hashTimer = 0;
let ownHash = "";
/** Writes the state into the address soon; many changes at once make one entry. */
function remember() {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => {
    ownHash = stateToHash();
    history.replaceState(null, "", ownHash);
  }, 200);
}
