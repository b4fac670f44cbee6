// The controls above the map.

/** What a search finds: the id itself, else the first id, or attribute, that holds the text. */
function find(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const ids = data.ids.map((id) => id.toLowerCase());
  const exact = ids.indexOf(wanted);
  if (exact >= 0) return [exact];
  const found = [];
  const attributes = Array.from(fields.values()).filter((field) => field.group === "Attributes" && field.kind === "category");
  const matching = attributes.map((field) => new Set(field.levels.map((level, code) => [level, code]).filter(([level]) => level.toLowerCase().includes(wanted)).map(([, code]) => code)));
  for (let row = 0; row < count && found.length < 2000; row += 1) {
    if (ids[row].includes(wanted) || matching.some((codes, place) => codes.has(attributes[place].codes[row]))) found.push(row);
  }
  return found;
}

function startSearch() {
  const query = byId("query");
  query.addEventListener("input", () => {
    query.setCustomValidity("");
    const found = query.value.trim().length > 1 ? find(query.value).slice(0, 12) : [];
    replace(byId("found"), ...found.map((row) => make("option", { value: data.ids[row] })));
  });
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const found = find(query.value);
    query.setCustomValidity(found.length || !query.value.trim() ? "" : "No sample has this id.");
    query.reportValidity();
    if (found.length === 1) {
      openRow(found[0], false);
      flyToRows(found);
    } else if (found.length) {
      select(found);
      flyToRows(found);
    }
  });
}

function startBins() {
  const [low, high] = [byId("bin-low"), byId("bin-high")];
  const [first, last] = [histograms.first, histograms.first + histograms.bins - 1];
  if (!state.bins) state.bins = [first + Math.round(0.75 * (last - first)), first + Math.round(0.9 * (last - first))];
  for (const box of [low, high]) {
    [box.min, box.max] = [first, last];
    box.addEventListener("change", () => {
      const ends = [low, high].map((end) => Math.max(first, Math.min(last, Math.round(Number(end.value) || 0))));
      state.bins = [Math.min(...ends), Math.max(...ends)];
      changed();
    });
  }
}

function showToolbar() {
  byId("colour").value = state.colour;
  byId("sized").checked = state.sized;
  byId("bins").hidden = state.colour !== "bins";
  if (state.bins && histograms) {
    [byId("bin-low").value, byId("bin-high").value] = state.bins.map(String);
    fillBins(state.bins[0], state.bins[1]);
  }
}

function startToolbar() {
  fieldMenu("colour", (key) => {
    state.colour = key;
    state.hidden.clear();
    changed();
  });
  byId("sized").disabled = !losses;
  byId("sized").addEventListener("change", (event) => {
    state.sized = event.target.checked;
    changed();
  });
  byId("lasso").addEventListener("click", () => setLasso(!lassoOn));
  byId("zoom-in").addEventListener("click", () => zoomMiddle(1.5));
  byId("zoom-out").addEventListener("click", () => zoomMiddle(1 / 1.5));
  byId("zoom-all").addEventListener("click", flyToAll);
  startSearch();
  if (histograms) startBins();
}
