// Larger pictures with heat maps. They are in the gallery once; other places show copies.

/** A copy of a row's picture with a choice of heat maps, or null. */
function pictureOf(row) {
  const original = document.querySelector(`#gallery [data-picture="${row}"]`);
  if (!original) return null;
  const copy = original.cloneNode(true);
  const layers = Array.from(copy.querySelectorAll(".layer"));
  if (!layers.length) return make("div", { class: "large" }, copy);
  const trust = make("p", { class: "note" });
  const choose = (chosen) => {
    layers.forEach((layer, place) => layer.classList.toggle("on", place === chosen));
    const { trust: words, signed } = layers[chosen] ? layers[chosen].dataset : {};
    trust.textContent = layers[chosen] ? [signed === "true" ? "Orange speaks for it, blue against it." : "", words].filter(Boolean).join(" ") : "";
  };
  const menu = make("select", { "aria-label": "Heat map" }, ...layers.map((layer, place) => make("option", { value: String(place) }, layer.dataset.title)), make("option", { value: "-1" }, "no heat map"));
  menu.addEventListener("change", () => choose(Number(menu.value)));
  choose(0);
  return make("div", { class: "large" }, copy, make("div", { class: "heat-control" }, menu, heatSlider()), trust);
}

const heat = { share: 60 };

function heatSlider() {
  const slider = make("input", { type: "range", class: "heat", min: "0", max: "100", "aria-label": "Opacity of heat maps" });
  slider.value = String(heat.share);
  return slider;
}

/** One opacity for all heat maps; every slider moves with it. */
function startHeat() {
  document.addEventListener("input", (event) => {
    if (!(event.target instanceof HTMLInputElement) || !event.target.classList.contains("heat")) return;
    heat.share = Number(event.target.value);
    document.documentElement.style.setProperty("--heat", String(heat.share / 100));
    document.querySelectorAll("input.heat").forEach((other) => { other.value = String(heat.share); });
  });
}
