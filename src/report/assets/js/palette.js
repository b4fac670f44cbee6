// Colours that colour-blind readers tell apart: Okabe and Ito's for categories, viridis for numbers.

const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442"];
const GREY = "#8a9097";
const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];

function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const CATEGORY = OKABE_ITO.map(rgb);
const GREY_RGB = rgb(GREY);

/** 256 steps of viridis. */
const RAMP = (() => {
  const stops = VIRIDIS.map(rgb);
  const ramp = [];
  for (let step = 0; step < 256; step += 1) {
    const place = (step / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    ramp.push([0, 1, 2].map((part) => Math.round(stops[low][part] + (stops[low + 1][part] - stops[low][part]) * (place - low))));
  }
  return ramp;
})();

const css = (colour) => `rgb(${colour[0]}, ${colour[1]}, ${colour[2]})`;
const mix = (from, to, share) => from.map((part, place) => Math.round(part + (to[place] - part) * share));
