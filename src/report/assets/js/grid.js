// A grid of cells over the unit square, so that looking for a sample looks at few.

const grid = { side: 1, starts: null, rows: null };

const cellOf = (value) => Math.max(0, Math.min(grid.side - 1, Math.floor(value * grid.side)));

function fillGrid() {
  grid.side = Math.max(1, Math.ceil(Math.sqrt(count / 4)));
  const there = Array.from({ length: count }, (_, row) => row).filter((row) => Number.isFinite(xs[row]));
  const cell = (row) => cellOf(ys[row]) * grid.side + cellOf(xs[row]);
  grid.starts = new Uint32Array(grid.side * grid.side + 1);
  for (const row of there) grid.starts[cell(row) + 1] += 1;
  for (let place = 1; place < grid.starts.length; place += 1) grid.starts[place] += grid.starts[place - 1];
  const next = grid.starts.slice();
  grid.rows = new Uint32Array(there.length);
  for (const row of there) grid.rows[next[cell(row)]++] = row;
}

/** Calls back with every shown row in the cells that a box touches. */
function eachIn(left, top, right, bottom, callback) {
  for (let y = cellOf(top); y <= cellOf(bottom); y += 1) {
    const [first, last] = [y * grid.side + cellOf(left), y * grid.side + cellOf(right)];
    for (let place = grid.starts[first]; place < grid.starts[last + 1]; place += 1) {
      if (shown[grid.rows[place]]) callback(grid.rows[place]);
    }
  }
}

/** The shown sample nearest to a place on the screen, within some pixels; -1 for none. */
function hit(x, y, reach) {
  const [mapX, mapY] = toMap(x, y);
  const radius = reach / view.scale;
  let [best, nearest] = [-1, radius * radius];
  eachIn(mapX - radius, mapY - radius, mapX + radius, mapY + radius, (row) => {
    const distance = (xs[row] - mapX) ** 2 + (ys[row] - mapY) ** 2;
    if (distance <= nearest) [best, nearest] = [row, distance];
  });
  return best;
}

/** The nearest shown sample in a direction, within 45 degrees of it; -1 for none. */
function nextIn(row, dx, dy) {
  let [best, least] = [-1, Infinity];
  for (let other = 0; other < count; other += 1) {
    if (!shown[other] || other === row) continue;
    const [x, y] = [xs[other] - xs[row], ys[other] - ys[row]];
    const [along, across] = [x * dx + y * dy, Math.abs(x * dy - y * dx)];
    if (along <= 0 || across > along) continue;
    const distance = along + 2 * across;
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}

/** The shown samples inside a polygon of screen points, by crossings. */
function inside(polygon) {
  const corners = polygon.map(([x, y]) => toMap(x, y));
  const [allX, allY] = [corners.map((corner) => corner[0]), corners.map((corner) => corner[1])];
  const rows = [];
  eachIn(Math.min(...allX), Math.min(...allY), Math.max(...allX), Math.max(...allY), (row) => {
    let within = false;
    for (let here = 0, before = corners.length - 1; here < corners.length; before = here, here += 1) {
      const [[ax, ay], [bx, by]] = [corners[here], corners[before]];
      if (ay > ys[row] !== by > ys[row] && xs[row] < ((bx - ax) * (ys[row] - ay)) / (by - ay) + ax) within = !within;
    }
    if (within) rows.push(row);
  });
  return rows.sort((a, b) => a - b);
}
