// The marks of samples as small masks of coverage: a disc is right, a diamond wrong, a triangle has no label.

const DISC = 0;
const DIAMOND = 1;
const TRIANGLE = 2;

/** How deep a place is inside a mark of radius 1; negative outside. */
const DEPTH = [
  (x, y) => 1 - Math.hypot(x, y),
  (x, y) => (1.25 - Math.abs(x) - Math.abs(y)) / Math.SQRT2,
  (x, y) => Math.min(0.62 - y, (1.24 + y - Math.sqrt(3) * Math.abs(x)) / 2),
];

const masks = new Map();

/** Coverage of a mark and of its rim, for each pixel, in 255 steps. */
function mask(shape, radius, rim) {
  const size = Math.round(radius * 4);
  const key = (shape << 16) | (size << 2) | rim;
  const known = masks.get(key);
  if (known) return known;
  const real = size / 4;
  const half = Math.ceil(real * 1.3) + 1;
  const side = 2 * half + 1;
  const made = { half, side, fill: new Uint8Array(side * side), rim: new Uint8Array(side * side) };
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const depth = real * DEPTH[shape]((x - half) / real, (y - half) / real);
      made.fill[y * side + x] = Math.round(255 * Math.max(0, Math.min(1, depth + 0.5)));
      made.rim[y * side + x] = rim ? Math.round(255 * Math.max(0, Math.min(1, rim + 0.5 - depth))) : 0;
    }
  }
  masks.set(key, made);
  return made;
}

/** Lays a mark over a picture of 32-bit pixels (red lowest). No objects are made in here: it runs for every mark of every frame. */
function stamp(pixels, width, height, x, y, made, colour, rimColour, opacity) {
  const left = Math.round(x) - made.half;
  const top = Math.round(y) - made.half;
  const startX = Math.max(0, -left);
  const endX = Math.min(made.side, width - left);
  const endY = Math.min(made.side, height - top);
  const red = colour[0], green = colour[1], blue = colour[2];
  const rimRed = rimColour[0] - red, rimGreen = rimColour[1] - green, rimBlue = rimColour[2] - blue;
  const { fill, rim } = made;
  for (let line = Math.max(0, -top); line < endY; line += 1) {
    let from = line * made.side + startX;
    let to = (top + line) * width + left + startX;
    for (let column = startX; column < endX; column += 1, from += 1, to += 1) {
      const cover = fill[from];
      if (cover === 0) continue;
      const edge = rim[from];
      let r = red, g = green, b = blue;
      if (edge !== 0) {
        r += (rimRed * edge) >> 8;
        g += (rimGreen * edge) >> 8;
        b += (rimBlue * edge) >> 8;
      }
      const alpha = (cover * opacity) >> 8;
      const under = pixels[to];
      const ur = under & 255, ug = (under >> 8) & 255, ub = (under >> 16) & 255;
      pixels[to] = 0xff000000 | ((ub + (((b - ub) * alpha) >> 8)) << 16) | ((ug + (((g - ug) * alpha) >> 8)) << 8) | (ur + (((r - ur) * alpha) >> 8));
    }
  }
}
