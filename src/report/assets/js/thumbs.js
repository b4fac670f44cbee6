// Small pictures, cut out of sheets that are decoded when first needed.

const sprites = read("sprites");
const spriteOf = new Map();
const sheets = [];
if (sprites) longs(sprites.rows).forEach((row, place) => spriteOf.set(row, place));

function sheet(place) {
  if (!sheets[place]) {
    sheets[place] = new Image();
    sheets[place].src = sprites.sheets[place];
  }
  return sheets[place];
}

/** A row's small picture with its longer side at `side` pixels; null if it has none. */
function thumb(row, side) {
  const place = spriteOf.get(row);
  if (place === undefined) return null;
  const each = sprites.across * sprites.across;
  const [width, height] = sprites.sizes[place];
  const scale = side / Math.max(width, height);
  const canvas = make("canvas", { class: "thumb", width: Math.round(width * scale * 2), height: Math.round(height * scale * 2), role: "img", "aria-label": `Picture of ${data.ids[row]}` });
  canvas.style.width = `${Math.round(width * scale)}px`;
  const image = sheet(Math.floor(place / each));
  const [x, y] = [((place % each) % sprites.across) * sprites.side, Math.floor((place % each) / sprites.across) * sprites.side];
  const cut = () => {
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
    canvas.setAttribute("data-drawn", "");
  };
  if (image.complete && image.naturalWidth) cut();
  else image.addEventListener("load", cut, { once: true });
  return canvas;
}
