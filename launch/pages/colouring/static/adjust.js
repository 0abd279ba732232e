// All colours of the picture together: strength, warmth, temperature; undo, redo and reset.

import { PLAIN } from "./history.js";
import { element, endGesture, onRender, refresh, render, show, state, tell } from "./state.js";

const SLIDERS = ["chroma", "warmth", "temperature"].filter(element);
const signed = (value) => value > 0 ? `+${value.toFixed(2)}` : value.toFixed(2);
const SHOWN = { chroma: (value) => value.toFixed(2), warmth: signed, temperature: (value) => value?.toFixed(2) ?? "as trained" };

for (const name of SLIDERS) {
  element(name).addEventListener("input", (event) => show({ ...state.current.look, [name]: Number(event.target.value) }, true));
  element(name).addEventListener("change", endGesture);
}

onRender(() => {
  const picture = state.current, ready = Boolean(picture?.ready);
  element("adjust").hidden = !ready;
  for (const name of SLIDERS) {
    const value = picture?.look[name] ?? PLAIN[name];
    const slider = element(name);
    slider.disabled = !ready;
    slider.value = value === null ? slider.defaultValue : String(value);
    element(`${name}-shown`).value = SHOWN[name](value);
  }
  element("undo").disabled = !ready || !picture.history.canUndo;
  element("redo").disabled = !ready || !picture.history.canRedo;
  element("reset").disabled = !ready || JSON.stringify(picture.look) === JSON.stringify(PLAIN);
  element("before-choice").hidden = !(ready && picture.hasColours && state.comparing);
  element("before-original").checked = state.before === "original";
  for (const name of ["fit", "zoom-in", "zoom-out", "compare-button"]) element(name).disabled = !ready;
  element("compare-button").setAttribute("aria-pressed", String(state.comparing));
});

element("before-original").addEventListener("change", (event) => {
  state.before = event.target.checked ? "original" : "grey";
  render();
});

export function undo() {
  if (!state.current?.history.canUndo) return;
  state.current.history.undo();
  tell("Undone.");
  refresh();
}

export function redo() {
  if (!state.current?.history.canRedo) return;
  state.current.history.redo();
  tell("Done again.");
  refresh();
}

export function reset() {
  show(PLAIN);
  tell("All hints and settings of this picture are reset; undo brings them back.");
}

element("undo").addEventListener("click", undo);
element("redo").addEventListener("click", redo);
element("reset").addEventListener("click", reset);
