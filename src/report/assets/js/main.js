// The beginning, and what happens on every change.

/** After any change of state but the view: everything that shows it follows. */
function changed() {
  selectionMark += 1;
  showToolbar();
  applyFilters();
  showChips();
  showLegend();
  showPanel();
  remember();
  if (document.body.classList.contains("with-panel") !== wide) layout();
  redraw();
}

let wide = false;
/** Fits the map into its place, keeping what is looked at. */
function layout() {
  wide = document.body.classList.contains("with-panel");
  const zoom = view.width ? [view.scale / wholeScale(), view.x, view.y] : null;
  if (!resize()) return;
  if (zoom) [view.scale, view.x, view.y] = [zoom[0] * wholeScale(), zoom[1], zoom[2]];
  else placeView();
  paint();
}

function startMap() {
  byId("atlas").hidden = false;
  placePoints();
  collectFields();
  rankLosses();
  fillGrid();
  if (!fields.has(state.colour)) state.colour = "prediction";
  stateFromHash(location.hash);
  startToolbar();
  startFilters();
  startPointer();
  startKeyboard();
  new ResizeObserver(layout).observe(byId("plot"));
  layout();
  changed();
  addEventListener("hashchange", () => {
    if (location.hash === ownHash || !stateFromHash(location.hash)) return;
    placeView();
    applyTheme();
    changed();
  });
  if (state.selection.length && location.hash.includes("=")) scrollToMap();
}

document.querySelectorAll(".needs-script").forEach((element) => { if (element.id !== "atlas") element.hidden = false; });
if (data && canvas) startMap();
else stateFromHash(location.hash);
startTheme();
startHeat();
startLinks();
applyTheme();
