// The colour of the selected hint: what the network finds probable there, a wheel, recent colours, a pipette.

import { fromHex, lightnessToShow, toLab } from "./colour.js";
import { change, recolour, removeSelected } from "./hints.js";
import * as server from "./server.js";
import { colourAt } from "./stage.js";
import { element, endGesture, onRender, remember, render, selectedHint, state, tell } from "./state.js";
import { Wheel } from "./wheel.js";

const wheel = new Wheel(element("wheel"), recolour, () => {
  const hint = selectedHint();
  if (hint) remember(hint.color);
  endGesture();
});
let asked = null; // the picture and place whose probable colours are shown
const afterRest = new server.AfterRest(120);

onRender(() => {
  const hint = selectedHint();
  element("palette").hidden = !hint;
  element("no-hint").hidden = Boolean(hint) || !state.current?.ready;
  if (!hint) return void (asked = null);
  if (asked === null) element("panel").scrollTop = 0; // the colours to choose from come into sight
  element("palette-title").textContent = `Hint ${state.selected + 1} of ${state.current.hints.length}`;
  element("palette-colour").style.background = hint.color;
  const code = element("code");
  if (document.activeElement !== code) code.value = hint.color;
  code.removeAttribute("aria-invalid");
  const radius = element("radius");
  radius.max = String(Math.max(4, hint.radius, Math.round(Math.min(state.current.width, state.current.height) / 16)));
  radius.value = String(hint.radius);
  element("radius-shown").value = `${2 * hint.radius + 1} px`;
  element("pipette").setAttribute("aria-pressed", String(Boolean(state.pipette)));
  if (state.current.ready) wheel.show(lightness(hint), hint.color, fromHex(hint.color));
  showSwatches(element("recent"), state.recent);
  element("recent-title").hidden = !state.recent.length;
  wantProbable(hint);
});

// In steps, so that the wheel is not painted anew for each pixel that a hint is dragged over.
const lightness = (hint) => lightnessToShow(4 * Math.round(toLab(colourAt(hint.x, hint.y))[0] / 4));

function showSwatches(holder, colors) {
  const key = colors.join();
  if (holder.dataset.colors === key) return;
  holder.dataset.colors = key;
  holder.replaceChildren(...colors.map((color) => {
    const swatch = document.createElement("button");
    swatch.className = "swatch";
    swatch.style.setProperty("--colour", color);
    swatch.title = color;
    swatch.setAttribute("aria-label", color);
    swatch.addEventListener("click", () => recolour(color));
    return swatch;
  }));
}

// What the network would say here without this hint, which would else say itself.
function wantProbable(hint) {
  const picture = state.current;
  const others = picture.hints.filter((_, index) => index !== state.selected);
  const wanted = JSON.stringify([picture.name, picture.id, hint.x, hint.y, others, picture.look.temperature]);
  if (wanted === asked) return;
  asked = wanted;
  afterRest.ask(async () => {
    try {
      if (wanted !== asked) return;
      const colors = await server.probable(picture.id, { ...picture.look, hints: others }, { x: hint.x, y: hint.y });
      if (wanted !== asked) return;
      showSwatches(element("probable"), colors);
      element("probable-title").hidden = !colors.length;
    } catch (error) {
      if (wanted === asked) tell(`${picture.name}: ${error.message}.`);
    }
  });
}

element("code").addEventListener("input", (event) => {
  const color = event.target.value.trim().toLowerCase();
  const whole = /^#?[0-9a-f]{6}$/.test(color);
  if (whole) recolour(color.startsWith("#") ? color : `#${color}`);
  else event.target.setAttribute("aria-invalid", "true");
});
element("code").addEventListener("blur", render);
element("radius").addEventListener("input", (event) => change({ radius: Number(event.target.value) }, true));
element("radius").addEventListener("change", endGesture);
element("delete-hint").addEventListener("click", () => {
  removeSelected();
  element("stage").focus({ preventScroll: true });
});
element("pipette").addEventListener("click", () => takePipette());

export function takePipette() {
  if (!state.current?.ready) return;
  state.pipette = state.pipette ? null : { picture: state.current, selected: state.selected };
  tell(state.pipette ? "Pipette: click a colour, in this picture or another one. Escape puts it back." : "");
  render();
}
