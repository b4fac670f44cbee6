// Links from all over the page to samples on the map.

function rowsOf({ insight, cluster, row }) {
  if (insight !== undefined) return groups[Number(insight)] || [];
  if (cluster !== undefined) return Array.from(clusters.keys()).filter((place) => clusters[place] === Number(cluster));
  return [Number(row)];
}

/** Where there is little room, the plot itself comes to the top. */
function scrollToMap() {
  byId(matchMedia("(max-width: 860px)").matches ? "plot" : "map").scrollIntoView({ block: "start" });
}

function startLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a.show") : null;
    if (!link || !data) return;
    event.preventDefault();
    const rows = rowsOf(link.dataset);
    // What a filter hides cannot be shown.
    if (rows.some((row) => !shown[row])) {
      state.filters = [];
      state.hidden.clear();
    }
    select(rows.slice(), link.dataset.insight === undefined ? -1 : Number(link.dataset.insight));
    scrollToMap();
    flyToRows(rows);
  });
}
