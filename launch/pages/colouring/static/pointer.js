// Mouse, pen and fingers on the stage: a tap sets a hint, a drag moves a hint, the picture or the line, two fingers zoom.

import { toHex } from "./colour.js";
import { add, move, pick, recolour } from "./hints.js";
import { colourAt, inPicture, moveCompare, pan, toPicture, toStage, zoom } from "./stage.js";
import { element, endGesture, remember, render, select, state, tell } from "./state.js";

const STILL = 6; // CSS pixels within which a press is a tap
const root = element("stage");
const pressed = new Map(); // pointer id: where it is
let drag = null; // { kind, x, y, ... } of the first pointer

function at(event) {
  const box = root.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

root.addEventListener("pointerdown", (event) => {
  if (!state.current?.ready || event.button > 0 || event.target.closest("#trouble")) return;
  const [x, y] = at(event);
  pressed.set(event.pointerId, [x, y]);
  try {
    root.setPointerCapture(event.pointerId);
  } catch {
    // it has ended already
  }
  if (pressed.size > 1) {
    finishDrag();
    drag = { kind: "pinch" };
    return;
  }
  drag = { kind: "tap", x, y };
  const marker = event.target.closest(".marker");
  if (event.target.closest("#compare-handle")) drag.kind = "line";
  else if (marker && !state.pipette) {
    pick(Number(marker.dataset.index));
    const hint = state.current.hints[state.selected];
    const [across, down] = toStage(hint.x, hint.y);
    drag = { kind: "hint", x, y, by: [across - x, down - y] };
    marker.focus({ preventScroll: true });
  } else root.focus({ preventScroll: true });
});

root.addEventListener("pointermove", (event) => {
  const before = pressed.get(event.pointerId);
  if (!before) return;
  const now = at(event);
  if (drag?.kind === "pinch" && pressed.size === 2) pinch(event.pointerId, before, now);
  pressed.set(event.pointerId, now);
  if (!drag || drag.kind === "pinch") return;
  if (drag.kind === "line") return moveCompare(now[0]);
  if (!drag.moved && Math.hypot(now[0] - drag.x, now[1] - drag.y) < STILL) return;
  drag.moved = true;
  if (drag.kind === "hint") move(...toPicture(now[0] + drag.by[0], now[1] + drag.by[1]).map((value) => value - 0.5));
  else pan(now[0] - before[0], now[1] - before[1]);
});

function pinch(id, before, now) {
  const [[, other]] = [...pressed].filter(([key]) => key !== id);
  const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
  pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  const length = (point) => Math.max(10, Math.hypot(point[0] - other[0], point[1] - other[1]));
  zoom(length(now) / length(before), ...middle);
}

function end(event) {
  if (!pressed.delete(event.pointerId)) return;
  if (drag?.kind === "tap" && !drag.moved && event.type === "pointerup") tap(drag.x, drag.y);
  if (!pressed.size || drag?.kind !== "pinch") finishDrag();
}

function finishDrag() {
  if (drag?.kind === "hint") endGesture();
  drag = null;
}

root.addEventListener("pointerup", end);
root.addEventListener("pointercancel", end);
root.addEventListener("lostpointercapture", end);

root.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 30 : 1;
  zoom(Math.exp(-event.deltaY * lines / 400), ...at(event));
}, { passive: false });

// At a point of the stage: a hint, or where the pipette is in hand its colour for the hint that waits for one.
export function tap(x, y) {
  const point = inPicture(x, y);
  if (!point) return;
  const color = toHex(colourAt(...point));
  if (!state.pipette) return add(...point, color);
  const { picture, selected } = state.pipette;
  state.pipette = null;
  select(picture);
  if (selected === null) remember(color);
  else {
    state.selected = selected;
    recolour(color);
  }
  tell(`The pipette took ${color}.`);
  render();
}
