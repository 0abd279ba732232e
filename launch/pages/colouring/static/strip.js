// All pictures side by side; and in place of a picture that is not there yet, where it stands or why it did not come.

import { element, onRender, select, state, tell } from "./state.js";

const strip = element("strip");
const items = new Map(); // Picture: its button
const WORDS = { waiting: "waiting", uploading: "uploading", colouring: "colouring", failed: "refused", ready: "" };

onRender(() => {
  for (const [picture, item] of items) {
    if (state.pictures.includes(picture)) continue;
    item.remove();
    items.delete(picture);
  }
  state.pictures.forEach((picture, index) => {
    if (!items.has(picture)) items.set(picture, makeItem(picture));
    const item = items.get(picture);
    if (strip.children[index] !== item) strip.insertBefore(item, strip.children[index] ?? null);
    show(picture, item);
  });
  element("empty").hidden = state.pictures.length > 0;
  const were = !document.body.classList.contains("without-pictures");
  document.body.classList.toggle("without-pictures", !state.pictures.length);
  if (state.pictures.length && !were) element("about").open = false; // it was read while there was nothing else
  showTrouble(state.current);
});

function makeItem(picture) {
  const item = element("strip-item").content.firstElementChild.cloneNode(true);
  item.querySelector(".name").textContent = item.title = picture.name;
  item.addEventListener("click", () => {
    select(picture);
    if (!state.pipette) tell(""); // what was said of another picture
  });
  return item;
}

function show(picture, item) {
  const isCurrent = state.current === picture;
  if (isCurrent && item.getAttribute("aria-current") !== "true") item.scrollIntoView({ block: "nearest", inline: "nearest" });
  item.setAttribute("aria-current", String(isCurrent));
  item.dataset.phase = picture.phase;
  item.classList.toggle("in-trouble", Boolean(picture.error));
  const image = item.querySelector("img"), url = picture.urls.thumbnail;
  image.hidden = !url;
  if (url && image.src !== url) image.src = url;
  const words = picture.phase === "uploading" ? `${Math.round(100 * picture.share)} %` : WORDS[picture.phase];
  item.querySelector(".state").textContent = words;
  item.querySelector(".state").hidden = !words;
  const count = picture.hints.length;
  item.querySelector(".count").hidden = !count;
  item.querySelector(".count").textContent = count === 1 ? "1 hint" : `${count} hints`;
}

function showTrouble(picture) {
  const waits = picture && !picture.ready && !picture.error;
  element("progress").hidden = !waits;
  if (waits) {
    element("progress-words").textContent = `${picture.name}: ${WORDS[picture.phase]}`;
    const bar = element("progress").querySelector("progress");
    if (picture.phase === "colouring") bar.removeAttribute("value");
    else bar.value = picture.phase === "uploading" ? picture.share : 0;
  }
  element("trouble").hidden = !picture?.error;
  element("trouble-name").textContent = picture?.name ?? "";
  element("trouble-reason").textContent = picture?.error ?? "";
  element("again").hidden = !picture?.canRetry;
  element("picture-name").textContent = picture?.name ?? "";
  element("picture-size").textContent = picture?.width ? `${picture.width} × ${picture.height}` : "";
  element("remove").disabled = !picture;
}
