// What the page is about: its pictures, the current one, and the hint that is selected. `render` shows it all anew.

import * as server from "./server.js";

export const state = {
  pictures: [],
  current: null, // Picture
  selected: null, // index of a hint of the current picture
  pipette: null, // { picture, selected } that wait for a colour
  comparing: false,
  before: "grey", // or "original": what the current picture is compared with
  hidden: false, // the markers
  recent: [], // colours, the latest first
};
export const settings = {
  maxBytes: Number(document.body.dataset.maxBytes),
  takesHints: "takesHints" in document.body.dataset,
};
const RECENT = 8;
const parts = [];
let waiting = false;

export const element = (id) => document.getElementById(id);

// A part of the page: called whenever the state may have changed.
export function onRender(part) { parts.push(part); }

export function render() {
  if (waiting) return;
  waiting = true;
  queueMicrotask(() => {
    waiting = false;
    for (const part of parts) part();
  });
}

// Said at the lower edge of the picture, where it fades.
export function tell(text) {
  const words = document.createElement("span");
  words.textContent = text;
  element("status").replaceChildren(...(text ? [words] : []));
}

export function select(picture) {
  if (state.current === picture) return;
  state.current?.history.end();
  state.current = picture;
  state.selected = null;
  state.before = "grey";
  render();
}

export const selectedHint = () => state.current?.hints[state.selected] ?? null;

// The colours of the current picture change: as a part of a gesture, which `endGesture` ends, or as a step of its own.
export function show(look, gesture = false) {
  const picture = state.current;
  if (gesture) picture.history.show(look);
  else picture.history.step(look);
  refresh();
}

export function endGesture() {
  state.current?.history.end();
  render();
}

export function refresh(picture = state.current) {
  if (!picture.hints[state.selected]) state.selected = null;
  if (picture.ready) server.busy(() => picture.refresh().catch((error) => picture.fail(error)));
  render();
}

export function remember(color) {
  state.recent = [color, ...state.recent.filter((other) => other !== color)].slice(0, RECENT);
}
