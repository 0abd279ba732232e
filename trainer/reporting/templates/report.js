"use strict";
// Without this script the pictures stand side by side. With it they lie upon each other, and a slider wipes from one
// to the next: at 0 the first is seen, at 100 the second, at 150 half of the second and half of the third.

function addSlider(stack, number) {
  const layers = [...stack.querySelectorAll(".layer")];
  const names = layers.map((layer) => layer.dataset.name);
  const input = document.createElement("input");
  Object.assign(input, { type: "range", id: `slider-${number}`, min: 0, max: 100 * (layers.length - 1), step: 5 });
  input.value = 100 * (layers.length - 1) - 50;
  input.setAttribute("aria-label", `${names.join(", ")}: ${stack.dataset.id}`);
  const label = document.createElement("label");
  label.htmlFor = input.id;
  for (const name of names) {
    label.append(Object.assign(document.createElement("span"), { textContent: name }));
  }
  const seen = Object.assign(document.createElement("div"), { className: "seen", ariaHidden: "true" });
  seen.append(document.createElement("span"), document.createElement("span"));
  const show = () => {
    const value = Number(input.value), whole = Math.floor(value / 100), part = value - 100 * whole;
    // On the picture, because the names below are places of the slider and not halves of the picture.
    seen.firstChild.textContent = part ? names[whole + 1] : names[whole];
    seen.lastChild.textContent = part ? names[whole] : "";
    layers.forEach((layer, i) => {
      const share = Math.min(100, Math.max(0, value - 100 * (i - 1)));
      layer.style.clipPath = i === 0 || share === 100 ? "none" : `inset(0 ${100 - share}% 0 0)`;
    });
    input.setAttribute(
      "aria-valuetext", part ? `left ${part} % ${names[whole + 1]}, the rest ${names[whole]}` : names[whole]
    );
  };
  input.addEventListener("input", show);
  const slider = Object.assign(document.createElement("div"), { className: "slider" });
  slider.append(input, label);
  stack.after(seen, slider);
  return { layers, show };
}

function addSwitch(sliders) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const slide = (sliding) => {
    document.documentElement.classList.toggle("sliding", sliding);
    button.textContent = sliding ? "Show the pictures side by side" : "Show the pictures with sliders";
    for (const { layers, show } of sliders) {
      layers.forEach((layer) => { layer.style.clipPath = ""; });
      if (sliding) show();
    }
  };
  button.addEventListener("click", () => slide(!document.documentElement.classList.contains("sliding")));
  document.querySelector("nav").after(button);
  slide(true);
}

const stacks = [...document.querySelectorAll(".stack")];
if (stacks.length) addSwitch(stacks.map(addSlider));
