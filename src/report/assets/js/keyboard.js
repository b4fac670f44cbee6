// The map by keyboard: arrows go from sample to sample.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function say(text) {
  byId("spoken").textContent = text;
}

/** Puts the focus on a sample, and the sample into view. */
function focusRow(row) {
  if (row < 0) return;
  state.focus = row;
  const [x, y] = toScreen(xs[row], ys[row]);
  if (x < 20 || y < 20 || x > view.width - 20 || y > view.height - 20) setView(view.scale, xs[row], ys[row]);
  overlay.dataset.focus = String(row);
  showTip(row);
  say(`${data.ids[row]}, ${labels[row] === NONE ? "no label" : className(labels[row])}, predicted ${className(predictions[row])}`);
}

function firstRow() {
  const near = hit(view.width / 2, view.height / 2, Math.max(view.width, view.height));
  return near >= 0 ? near : shown.indexOf(1);
}

function keyDown(event) {
  const arrow = ARROWS[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrow && event.shiftKey) setView(view.scale, view.x + (60 * arrow[0]) / view.scale, view.y + (60 * arrow[1]) / view.scale);
  else if (arrow) focusRow(state.focus < 0 || !shown[state.focus] ? firstRow() : nextIn(state.focus, arrow[0], arrow[1]));
  else if (event.key === "Enter" && state.focus >= 0) openRow(state.focus, false);
  else if (event.key === "Escape") {
    hideTip();
    setLasso(false);
    close();
  } else if (event.key === "+" || event.key === "=") zoomMiddle(1.3);
  else if (event.key === "-") zoomMiddle(1 / 1.3);
  else if (event.key === "0") flyToAll();
  else if (event.key === "l" || event.key === "L") setLasso(!lassoOn);
  else return;
  event.preventDefault();
}

function startKeyboard() {
  overlay.addEventListener("keydown", keyDown);
  overlay.addEventListener("focus", () => {
    if (overlay.matches(":focus-visible")) byId("plot").classList.add("focused");
  });
  overlay.addEventListener("blur", () => {
    byId("plot").classList.remove("focused");
    hideTip();
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
}
