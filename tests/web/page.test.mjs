// What the page does without a browser: the steps of a selection, and outlines.

import assert from "node:assert/strict";
import { test } from "node:test";

import { outlinePath } from "../../export/squeezesam_export/web/page/outline.js";
import { Session } from "../../export/squeezesam_export/web/page/session.js";

const click = { x: 1, y: 2, label: 1 };
const removal = { x: 3, y: 4, label: 0 };

test("a selection is asked step by step, and every step can be undone", () => {
  const session = new Session();
  const answered = (state, number) => session.push({ ...state, answer: { number } });
  assert.equal(session.canUndo, false);
  assert.equal(session.questionOf(session.withClick(removal)), null);

  const automatic = session.withAutomatic();
  const alone = { clicks: [], box: null, previous: null };
  assert.deepEqual(session.questionOf(automatic), { method: "automatic", ...alone });
  answered(automatic, 7);
  const edit = { method: "edit", clicks: [removal], box: null, previous: 7 };
  assert.deepEqual(session.questionOf(session.withClick(removal)), edit);
  answered(session.withClick(removal), 8);
  assert.deepEqual(session.questionOf(session.state), edit, "it is asked again as it was");

  const box = session.withBox([1, 2, 3, 4]);
  const first = { method: "prompt", clicks: [], box: [1, 2, 3, 4], previous: null };
  assert.deepEqual(session.questionOf(box), first);
  answered(box, 9);
  const more = { method: "prompt", clicks: [click], box: [1, 2, 3, 4], previous: 9 };
  assert.deepEqual(session.questionOf(session.withClick(click)), more);

  session.clear();
  session.clear();
  assert.equal(session.state.answer, null);
  const anew = { method: "prompt", clicks: [click], box: null, previous: null };
  assert.deepEqual(session.questionOf(session.withClick(click)), anew);
  session.undo();
  assert.equal(session.state.answer.number, 9);
  session.undo();
  session.undo();
  assert.equal(session.state.answer.number, 7);
  session.undo();
  session.undo();
  assert.equal(session.canUndo, false);
});

// The area within a path, with the sign of its direction.
function area(path) {
  return path
    .split("Z")
    .filter(Boolean)
    .map((ring) => {
      const points = ring.slice(1).split("L").map((point) => point.split(" ").map(Number));
      return points.reduce((sum, [x, y], i) => {
        const [nextX, nextY] = points[(i + 1) % points.length];
        return sum + (x * nextY - nextX * y) / 2;
      }, 0);
    });
}

test("outlines are closed, holes go the other way, and the border is one", () => {
  const view = { left: 100, top: 50, width: 20, height: 20 };
  const drawn = (text) =>
    Float32Array.from(text.replaceAll(" ", ""), (letter) => (letter === "#" ? 1 : -1));
  assert.equal(outlinePath(drawn(".........."), 5, view), "");
  const ring = area(outlinePath(drawn("##### #...# #...# #...# #####"), 5, view));
  assert.equal(ring.length, 2);
  assert.ok(ring[0] * ring[1] < 0);
  const whole = outlinePath(new Float32Array(25).fill(3), 5, view);
  assert.ok(Math.abs(Math.abs(area(whole)[0]) - 400) < 20);
  const places = whole.match(/[\d.]+ [\d.]+/g).map((point) => point.split(" ").map(Number));
  assert.deepEqual([Math.min(...places.map(([x]) => x)), Math.max(...places.map(([x]) => x))], [100, 120]);
  const diagonal = area(outlinePath(drawn("#. .#"), 2, { ...view, width: 2, height: 2 }));
  assert.equal(diagonal.length, 2);
  assert.ok(diagonal[0] * diagonal[1] > 0);
});
