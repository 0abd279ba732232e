// The hints of the current picture as buttons on the stage, and the cross that the keyboard moves over it.

import { move, pick, removeSelected } from "./hints.js";
import { tap } from "./pointer.js";
import { place, reveal, toPicture, toStage } from "./stage.js";
import { element, endGesture, onRender, selectedHint, state } from "./state.js";

const STEP = 12; // CSS pixels that an arrow key moves the cross
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const root = element("stage");
const holder = element("markers");
const cross = element("cross");
let crossAt = null; // in the picture
let focused = null;

onRender(() => {
  const picture = state.current;
  const hints = picture?.ready && !state.hidden ? picture.hints : [];
  while (holder.children.length > hints.length) holder.lastElementChild.remove();
  while (holder.children.length < hints.length) holder.append(makeMarker(holder.children.length));
  hints.forEach((hint, index) => {
    const marker = holder.children[index];
    const [x, y] = toStage(hint.x, hint.y);
    marker.style.transform = `translate(${x}px, ${y}px)`;
    marker.style.setProperty("--colour", hint.color);
    marker.style.setProperty("--reach", `${Math.max(0, (2 * hint.radius + 1) * place.scale)}px`);
    marker.setAttribute("aria-pressed", String(index === state.selected));
    marker.setAttribute("aria-label", `Hint ${index + 1} of ${hints.length}, ${hint.color}, at ${hint.x}, ${hint.y}`);
  });
  element("pipette-on").hidden = !state.pipette;
  root.classList.toggle("with-pipette", Boolean(state.pipette));
  showCross();
});

function makeMarker(index) {
  const marker = document.createElement("button");
  marker.className = "marker";
  marker.dataset.index = String(index);
  marker.append(document.createElement("span"));
  marker.addEventListener("focus", () => { if (state.selected !== index) pick(index); });
  return marker;
}

holder.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  const hint = selectedHint();
  if (!hint || event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrow) {
    const by = Math.max(1, Math.round(1 / place.scale)) * (event.shiftKey ? 10 : 1);
    move(hint.x + arrow[0] * by, hint.y + arrow[1] * by);
    reveal(state.current.hints[state.selected].x, state.current.hints[state.selected].y);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    removeSelected();
    root.focus();
  } else if (event.key === "Enter" || event.key === " ") document.querySelector("#palette button")?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
});
holder.addEventListener("keyup", (event) => { if (ARROWS[event.key]) endGesture(); });
holder.addEventListener("focusout", endGesture);

root.addEventListener("keydown", (event) => {
  if (event.target !== root || !state.current?.ready || event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow) moveCross(arrow, event.shiftKey ? 1 : STEP);
  else if (event.key === "Enter" || event.key === " ") {
    const [x, y] = crossPlace();
    tap(x, y);
    queueMicrotask(() => holder.children[state.selected]?.focus());
  } else return;
  event.preventDefault();
});
for (const name of ["focus", "blur"]) root.addEventListener(name, () => showCross());

function crossPlace() {
  crossAt ??= toPicture(root.clientWidth / 2, root.clientHeight / 2);
  return [place.x + crossAt[0] * place.scale, place.y + crossAt[1] * place.scale];
}

function moveCross([across, down], step) {
  const [x, y] = crossPlace();
  const { width, height } = state.current;
  const to = toPicture(x + across * step, y + down * step);
  crossAt = [Math.min(width - 0.5, Math.max(0.5, to[0])), Math.min(height - 0.5, Math.max(0.5, to[1]))];
  reveal(crossAt[0] - 0.5, crossAt[1] - 0.5);
  showCross();
}

function showCross() {
  if (focused !== state.current) {
    focused = state.current;
    crossAt = null;
  }
  cross.hidden = !state.current?.ready || !root.matches(":focus-visible");
  if (cross.hidden) return;
  const [x, y] = crossPlace();
  cross.style.transform = `translate(${x}px, ${y}px)`;
}
