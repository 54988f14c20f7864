/** Connected pieces of masks and heat maps. */

const EDGES = [[0, -1], [-1, 0], [1, 0], [0, 1]];
const CORNERS = [[-1, -1], [1, -1], [-1, 1], [1, 1]];

/**
 * Number the pieces of the pixels that belong together, in reading order of their first pixels.
 * @param {ArrayLike<number>} inside 1 for a pixel that counts, 0 for all others, row by row
 * @param {number} width
 * @param {boolean} corners whether pixels that touch at a corner belong together
 * @returns {{numbers: Int32Array, areas: number[]}} of each pixel the number of its piece, 0 for
 *   none; pixels of each number, of which the first is none
 */
export function pieces(inside, width, corners) {
  const height = inside.length / width;
  const steps = corners ? [...EDGES, ...CORNERS] : EDGES;
  const numbers = new Int32Array(inside.length);
  const areas = [0];
  const queue = new Int32Array(inside.length);
  for (let first = 0; first < inside.length; first++) {
    if (numbers[first] || !inside[first]) continue;
    const number = areas.length;
    let length = 1;
    queue[0] = first;
    numbers[first] = number;
    for (let next = 0; next < length; next++) {
      const x = queue[next] % width;
      const y = (queue[next] - x) / width;
      for (const [dx, dy] of steps) {
        const [column, row] = [x + dx, y + dy];
        if (column < 0 || column >= width || row < 0 || row >= height) continue;
        const neighbour = row * width + column;
        if (numbers[neighbour] || !inside[neighbour]) continue;
        numbers[neighbour] = number;
        queue[length++] = neighbour;
      }
    }
    areas.push(length);
  }
  return { numbers, areas };
}
