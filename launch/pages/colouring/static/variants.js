// Other colourings to start from, as small pictures; they are asked for when somebody opens their list.

import * as server from "./server.js";
import { element, onRender, render, show, state, tell } from "./state.js";

const SIDE = 240; // pixels of the longer side
const root = element("variants"); // there is none of a network without bins
let shown = null; // the picture and temperature whose variants are shown

if (root) {
  const buttons = [...root.querySelectorAll("button")];
  buttons.forEach((button, variant) => button.addEventListener("click", () => show({ ...state.current.look, variant })));
  root.addEventListener("toggle", render);
  onRender(() => {
    const picture = state.current;
    root.hidden = !picture?.ready;
    if (root.hidden) return;
    buttons.forEach((button, variant) => button.setAttribute("aria-pressed", String(picture.look.variant === variant)));
    const wanted = JSON.stringify([picture.id, picture.look.temperature]);
    if (root.open && wanted !== shown) {
      shown = wanted;
      server.busy(() => load(buttons, picture, wanted));
    }
  });
}

async function load(buttons, picture, wanted) {
  for (const [variant, button] of buttons.entries()) {
    try {
      const look = { temperature: picture.look.temperature, variant };
      const blob = await server.view(picture.id, look, { side: SIDE });
      if (wanted !== shown) return;
      const image = button.querySelector("img"), before = image.src;
      image.src = URL.createObjectURL(blob);
      if (before) URL.revokeObjectURL(before);
    } catch (error) {
      return void tell(`${picture.name}: ${error.message}.`);
    }
  }
}
