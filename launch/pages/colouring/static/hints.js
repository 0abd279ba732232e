// What is done to the hints of the current picture.

import { remember, render, selectedHint, settings, show, state, tell } from "./state.js";

export const MOST = 2000; // of a picture, as the server takes

export const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

// A new hint of the colour that is seen at its place, and selected: then its colour is chosen.
export function add(x, y, color) {
  const picture = state.current;
  if (!settings.takesHints) return void tell("The model that colours here takes no hints.");
  const there = picture.hints.findIndex((hint) => hint.x === x && hint.y === y);
  if (there >= 0) return void pick(there);
  if (picture.hints.length >= MOST) return void tell(`A picture takes ${MOST} hints at most.`);
  const radius = Math.round(Math.min(picture.width, picture.height) * 0.01);
  state.selected = picture.hints.length;
  show({ ...picture.look, hints: [...picture.hints, { x, y, color, radius }] });
  tell(`Hint ${state.selected + 1} at ${x}, ${y}.`);
}

export function pick(index) {
  state.selected = index;
  render();
}

export function change(values, gesture = false) {
  const hints = state.current.hints.map((hint, index) => index === state.selected ? { ...hint, ...values } : hint);
  show({ ...state.current.look, hints }, gesture);
}

export function recolour(color, gesture = false) {
  if (!selectedHint()) return;
  change({ color }, gesture);
  if (!gesture) remember(color);
}

// To a pixel of the picture that no other hint has.
export function move(x, y) {
  const { width, height, hints } = state.current;
  const to = { x: clamp(Math.round(x), 0, width - 1), y: clamp(Math.round(y), 0, height - 1) };
  if (hints.some((hint, index) => index !== state.selected && hint.x === to.x && hint.y === to.y)) return;
  change(to, true);
}

export function removeSelected() {
  if (!selectedHint()) return;
  const hints = state.current.hints.filter((_, index) => index !== state.selected);
  tell(`Hint ${state.selected + 1} is deleted.`);
  state.selected = null;
  show({ ...state.current.look, hints });
}
