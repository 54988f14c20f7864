/** The outline of a mask as a path, by marching squares between the logits' centres. */

/**
 * Corners of a cell are numbered 1, 2, 4, 8 from the upper left clockwise; its edges 0 top, 1 right,
 * 2 bottom, 3 left. Of each set of inside corners: from which edge to which the outline goes, with
 * the inside always on the same side.
 * @type {number[][][]}
 */
const CROSSINGS = [
  [], [[0, 3]], [[1, 0]], [[1, 3]], [[2, 1]], [[0, 3], [2, 1]], [[2, 0]], [[2, 3]],
  [[3, 2]], [[0, 2]], [[1, 0], [3, 2]], [[1, 2]], [[3, 1]], [[0, 1]], [[3, 0]], [],
];

/** @type {(value: number, most: number) => number} */
const clamped = (value, most) => Math.min(Math.max(value, 0), most);

/**
 * The outline of all pixels with positive logits.
 * @param {Float32Array} logits row by row
 * @param {number} columns
 * @param {import("../module/letterbox.js").View} view the part of the photo that they lie on
 * @returns {string} data of an SVG path in photo pixels
 */
export function outlinePath(logits, columns, view) {
  const rows = logits.length / columns;
  // Beyond the border a mask is mirrored with the other sign, so that its outline is the border.
  /** @type {(x: number, y: number) => number} */
  const at = (x, y) => {
    const [column, row] = [clamped(x, columns - 1), clamped(y, rows - 1)];
    const logit = logits[row * columns + column];
    return column === x && row === y ? logit : -Math.abs(logit);
  };
  const scale = [view.width / columns, view.height / rows];
  /** @type {(x: number, y: number) => string} */
  const written = (x, y) => {
    const across = clamped(x + 0.5, columns) * scale[0] + view.left;
    const down = clamped(y + 0.5, rows) * scale[1] + view.top;
    return `${across.toFixed(1)} ${down.toFixed(1)}`;
  };

  /** Ends of the outline's pieces by their starts. @type {Map<number, {end: number, point: string}>} */
  const pieces = new Map();
  const stride = columns + 2;
  for (let y = -1; y < rows; y++) {
    for (let x = -1; x < columns; x++) {
      const corners = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
      const inside = corners.reduce((set, logit, i) => set + (logit > 0 ? 1 << i : 0), 0);
      if (inside === 0 || inside === 15) continue;
      const cell = (y + 1) * stride + (x + 1);
      // An edge is known by the cell that it is the top or the left of.
      const edges = [2 * cell, 2 * (cell + 1) + 1, 2 * (cell + stride), 2 * cell + 1];
      const share = (/** @type {number} */ a, /** @type {number} */ b) => a / (a - b);
      const [a, b, c, d] = corners;
      for (const [from, to] of CROSSINGS[inside]) {
        const point = [
          () => written(x + share(a, b), y),
          () => written(x + 1, y + share(b, c)),
          () => written(x + share(d, c), y + 1),
          () => written(x, y + share(a, d)),
        ][from]();
        pieces.set(edges[from], { end: edges[to], point });
      }
    }
  }
  const rings = [];
  while (pieces.size) {
    const points = [];
    let [edge] = pieces.keys();
    for (let piece = pieces.get(edge); piece; piece = pieces.get(edge)) {
      points.push(piece.point);
      pieces.delete(edge);
      edge = piece.end;
    }
    rings.push(`M${points.join("L")}Z`);
  }
  return rings.join("");
}
