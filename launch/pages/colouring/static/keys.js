// Shortcuts, and the box that lists them.

import { again, removePicture } from "./adding.js";
import { redo, undo } from "./adjust.js";
import { takePipette } from "./palette.js";
import { download, saveHints } from "./saving.js";
import { compare, fit, zoom, zoomTo } from "./stage.js";
import { element, render, select, state, tell } from "./state.js";

const help = element("help");

function next(by) {
  const index = state.pictures.indexOf(state.current) + by;
  if (state.pictures[index]) select(state.pictures[index]);
}

function escape() {
  if (state.pipette) {
    select(state.pipette.picture);
    state.pipette = null;
    tell("The pipette is put back.");
  } else state.selected = null;
  element("stage").focus({ preventScroll: true });
  render();
}

const hide = () => {
  state.hidden = !state.hidden;
  tell(state.hidden ? "Hints are hidden." : "Hints are shown.");
  render();
};
const showHelp = () => help.showModal();
const whole = () => state.current?.ready && fit();
const PLAIN_KEYS = {
  "?": showHelp, "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: whole,
  1: () => state.current?.ready && zoomTo(1 / devicePixelRatio), c: () => state.current?.ready && compare(), h: hide,
  p: takePipette, d: download, s: saveHints, "[": () => next(-1), "]": () => next(1), Escape: escape,
};
const WITH_CONTROL = { z: undo, y: redo };
const WITH_SHIFT_CONTROL = { z: redo };

document.addEventListener("keydown", (event) => {
  const isText = event.target.matches?.("input[type=text]");
  if (help.open || event.altKey || (isText && event.key !== "Escape")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const withControl = event.shiftKey ? WITH_SHIFT_CONTROL : WITH_CONTROL;
  const action = (event.ctrlKey || event.metaKey ? withControl : PLAIN_KEYS)[key];
  if (!action) return;
  event.preventDefault();
  action();
});

for (const [name, action] of Object.entries({
  "help-button": showHelp, "help-close": () => help.close(), fit: whole, "zoom-in": () => zoom(1.5), "zoom-out": () => zoom(1 / 1.5),
  "compare-button": () => compare(), again: () => again(state.current), remove: () => removePicture(state.current),
})) element(name).addEventListener("click", action);
help.addEventListener("click", (event) => { if (event.target === help) help.close(); });

const sheet = element("sheet-button");
sheet.addEventListener("click", () => {
  const closed = document.body.classList.toggle("sheet-closed");
  sheet.setAttribute("aria-expanded", String(!closed));
});

