// Similar samples: neighbours in the model's latent space, as the report was given them.

const neighbourRows = data && data.neighbours ? longs(data.neighbours.rows) : null;

/** A row's nearest others, nearest first. */
function neighboursOf(row) {
  if (!neighbourRows) return [];
  const each = data.neighbours.count;
  return Array.from(neighbourRows.subarray(row * each, (row + 1) * each)).filter((other) => other !== NO_ROW);
}

/** The samples outside a set that are near most of its members: row and how many count it among their nearest. */
function similarTo(rows, most) {
  const members = new Set(rows);
  const votes = new Map();
  for (const row of rows) {
    neighboursOf(row).forEach((other, rank) => {
      if (members.has(other)) return;
      const [number, ranks] = votes.get(other) || [0, 0];
      votes.set(other, [number + 1, ranks + rank]);
    });
  }
  const order = Array.from(votes, ([row, [number, ranks]]) => [row, number, ranks / number]);
  order.sort((a, b) => b[1] - a[1] || a[2] - b[2] || a[0] - b[0]);
  return order.slice(0, most).map(([row, number]) => [row, number]);
}

/** A row of small pictures, or names where there are none; each opens its sample. */
function strip(rows, note) {
  return make("ul", { class: "strip" }, ...rows.map((row) => make("li", {}, make("button", {
    type: "button",
    class: shapeOf(row) === DIAMOND ? "tile wrong" : "tile",
    title: `${data.ids[row]}: ${labels[row] === NONE ? "no label" : className(labels[row])} → ${className(predictions[row])}${note ? note(row) : ""}`,
    "data-open": String(row),
    onclick: () => openRow(row, true),
  }, thumb(row, 56) || make("span", { class: "name" }, data.ids[row]), make("small", {}, className(predictions[row]))))));
}
