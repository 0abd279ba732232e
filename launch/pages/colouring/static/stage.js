// The picture, as large as one wants it: coloured, and where it is compared grey to the left of a line.

import * as server from "./server.js";
import { element, onRender, render, state, tell } from "./state.js";

const REST = 200; // milliseconds without a change, until more detail is asked for
const MOST_DETAIL = 4096; // pixels of what is asked for at once
const CLOSEST = 16; // screen pixels for a pixel of the picture

const root = element("stage");
const layers = ["after", "before"].map((name) => ({
  name,
  base: element(name).querySelector(".base"),
  detail: element(name).querySelector(".detail"),
}));
// Where the picture's upper left corner is on the stage, and how many CSS pixels one of its pixels takes.
export const place = { x: 0, y: 0, scale: 1, of: null };

export const fitting = () => Math.min(root.clientWidth / state.current.width, root.clientHeight / state.current.height);
export const toPicture = (x, y) => [(x - place.x) / place.scale, (y - place.y) / place.scale];
export const toStage = (x, y) => [place.x + (x + 0.5) * place.scale, place.y + (y + 0.5) * place.scale];

export function inPicture(x, y) {
  const [across, down] = toPicture(x, y).map(Math.floor);
  const { width, height } = state.current;
  return across >= 0 && down >= 0 && across < width && down < height ? [across, down] : null;
}

export function fit() {
  place.scale = fitting();
  place.of = state.current;
  place.fitted = true;
  settle();
}

// Zooms so that what is at a point of the stage stays there.
export function zoom(factor, x = root.clientWidth / 2, y = root.clientHeight / 2) {
  if (!state.current?.ready) return;
  const scale = Math.min(Math.max(CLOSEST, fitting()), Math.max(fitting(), place.scale * factor));
  const [across, down] = toPicture(x, y);
  Object.assign(place, { scale, x: x - across * scale, y: y - down * scale, fitted: scale === fitting() });
  settle();
}

export const zoomTo = (scale) => zoom(scale / place.scale);

export function pan(across, down) {
  place.x += across;
  place.y += down;
  settle();
}

// The picture fills the stage, or is in its middle.
function settle() {
  const { width, height } = state.current;
  for (const [axis, room, length] of [["x", root.clientWidth, width], ["y", root.clientHeight, height]]) {
    const free = room - length * place.scale;
    place[axis] = free >= 0 ? free / 2 : Math.min(0, Math.max(free, place[axis]));
  }
  render();
}

// The point of the picture comes into sight.
export function reveal(x, y) {
  const [across, down] = toStage(x, y);
  const margin = 24;
  const over = (value, room) => value < margin ? margin - value : value > room - margin ? room - margin - value : 0;
  const by = [over(across, root.clientWidth), over(down, root.clientHeight)];
  if (by[0] || by[1]) pan(...by);
}

onRender(() => {
  const picture = state.current;
  const shows = Boolean(picture?.ready);
  element("picture").hidden = !shows;
  element("compare-place").disabled = !shows;
  if (!shows) return;
  if (place.of !== picture) {
    place.of = picture;
    return fit();
  }
  root.dataset.comparing = String(state.comparing);
  element("compare").hidden = !state.comparing;
  const pipetteOriginal = state.pipette && picture.hasColours;
  setImage(layers[0], picture, pipetteOriginal ? "original" : "coloured");
  setImage(layers[1], picture, state.before === "original" ? "original" : "grey");
  element("before").hidden = !state.comparing;
  element("before-tag").textContent = state.before === "original" ? "as it came" : "grey";
  detail.ask(fetchDetail);
});

function setImage(layer, picture, name) {
  const url = picture.urls[name];
  if (!url) return void (name === "original" && server.busy(() => loadOriginal(picture)));
  if (layer.url !== url) {
    if (layer.of !== picture) layer.image = null;
    Object.assign(layer, { url, of: picture });
    server.busy(() => swap(layer, url));
  }
  arrange(layer.base, [0, 0, picture.width, picture.height]);
  if (layer.box) arrange(layer.detail, layer.box);
  root.dataset.close = String(place.scale * devicePixelRatio >= 4);
}

async function loadOriginal(picture) {
  if (picture.loadingOriginal) return;
  picture.loadingOriginal = true;
  await picture.fetch("original", () => server.original(picture.id)).catch((error) => tell(error.message));
  render();
}

// The new image takes the old one's place when it is decoded, so that nothing flickers.
async function swap(layer, url) {
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => {});
  if (layer.url !== url) return;
  layer.base.src = url;
  layer.pixels = null;
  layer.image = image;
  hideDetail(layer);
  render();
}

function hideDetail(layer) {
  layer.detail.hidden = true;
  layer.box = layer.key = null;
}

function arrange(image, [left, top, right, bottom]) {
  image.style.width = `${(right - left) * place.scale}px`;
  image.style.height = `${(bottom - top) * place.scale}px`;
  image.style.transform = `translate(${place.x + left * place.scale}px, ${place.y + top * place.scale}px)`;
}

// Detail: the part that is seen, at the screen's own pixels, once nothing has changed for a moment.

const detail = new server.AfterRest(REST);

async function fetchDetail() {
  const picture = state.current;
  if (!picture?.ready || picture.refreshing || picture.shownLook !== picture.look) return;
  for (const layer of layers) {
    if (layer.name === "before" && (!state.comparing || state.before !== "grey")) continue;
    const box = visible(picture);
    const side = sideOf(box);
    const known = layer.image ? Math.max(layer.image.naturalWidth, layer.image.naturalHeight) : Infinity;
    const held = known * Math.max(box[2] - box[0], box[3] - box[1]) / Math.max(picture.width, picture.height);
    const key = JSON.stringify([layer.url, box, side]);
    if (key === layer.key || side <= held * 1.1 || layer.url === picture.urls.original) continue;
    const look = layer.name === "before" ? { chroma: 0 } : picture.look;
    try {
      await showDetail(layer, picture, key, box, await server.view(picture.id, look, { box, side }));
    } catch (error) {
      return void tell(`${picture.name}: ${error.message}.`);
    }
  }
}

function sideOf(box) {
  const longer = Math.max(box[2] - box[0], box[3] - box[1]);
  return Math.max(1, Math.min(MOST_DETAIL, longer, Math.round(longer * place.scale * devicePixelRatio)));
}

async function showDetail(layer, picture, key, box, blob) {
  const url = URL.createObjectURL(blob);
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => {});
  const now = visible(picture);
  if (state.current !== picture || key !== JSON.stringify([layer.url, now, sideOf(now)])) return URL.revokeObjectURL(url);
  if (layer.detailUrl) URL.revokeObjectURL(layer.detailUrl);
  Object.assign(layer, { detailUrl: url, box, key });
  layer.detail.src = url;
  layer.detail.hidden = false;
  arrange(layer.detail, box);
}

function visible({ width, height }) {
  const [left, top] = toPicture(0, 0).map(Math.floor);
  const [right, bottom] = toPicture(root.clientWidth, root.clientHeight).map(Math.ceil);
  return [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
}

// The colour that is seen at a pixel of the current picture: the mean of 3 x 3 pixels of the preview, [r, g, b].
export function colourAt(x, y) {
  const isBefore = state.comparing && toStage(x, y)[0] < Number(element("compare-place").value) / 100 * root.clientWidth;
  const layer = layers[isBefore ? 1 : 0];
  if (!layer.image) return [128, 128, 128]; // it is not decoded yet
  const { naturalWidth, naturalHeight } = layer.image;
  if (!layer.pixels) {
    const canvas = new OffscreenCanvas(naturalWidth, naturalHeight);
    layer.pixels = canvas.getContext("2d", { willReadFrequently: true });
    layer.pixels.drawImage(layer.image, 0, 0);
  }
  const across = Math.floor((x + 0.5) * naturalWidth / state.current.width);
  const down = Math.floor((y + 0.5) * naturalHeight / state.current.height);
  const left = Math.max(0, Math.min(naturalWidth - 3, across - 1)), top = Math.max(0, Math.min(naturalHeight - 3, down - 1));
  const found = layer.pixels.getImageData(left, top, Math.min(3, naturalWidth), Math.min(3, naturalHeight)).data;
  return [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let i = channel; i < found.length; i += 4) sum += found[i];
    return sum / (found.length / 4);
  });
}

new ResizeObserver(() => {
  if (state.current?.ready && place.of === state.current) place.fitted ? fit() : settle();
}).observe(root);

// The line between grey and coloured.

const slider = element("compare-place");

function showCompare() {
  const grey = Number(slider.value);
  root.style.setProperty("--place", `${grey}%`);
  slider.setAttribute("aria-valuetext", grey === 0 ? "coloured" : grey === 100 ? "grey" : `left ${grey} % grey, the rest coloured`);
}

slider.addEventListener("input", showCompare);
showCompare();

export function moveCompare(x) {
  slider.value = String(Math.round(100 * x / root.clientWidth));
  showCompare();
}

export function compare(on = !state.comparing) {
  state.comparing = on;
  render();
}
