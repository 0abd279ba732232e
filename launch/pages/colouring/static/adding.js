// Pictures and files of hints come in: chosen, dropped, pasted. Two uploads at a time; previews need connections too.

import * as server from "./server.js";
import { Picture } from "./picture.js";
import { element, refresh, render, select, settings, state, tell } from "./state.js";

const UPLOADS = 2;
const LARGEST_HINTS = 64 * 1024 * 1024; // bytes of a file of hints
const waiting = [];
const hintsByName = new Map(); // of files of hints, for pictures that are not ready yet
let uploading = 0;
let pasted = 0;

export async function addFiles(files) {
  const isHints = (file) => /\.json$/i.test(file.name) || file.type === "application/json";
  for (const file of files.filter(isHints)) await server.busy(() => openHints(file, files.some((other) => !isHints(other))));
  const added = files.filter((file) => !isHints(file)).map((file) => new Picture(file, nameOf(file), changed));
  if (!added.length) return;
  state.pictures.push(...added);
  waiting.push(...added);
  tell(added.length === 1 ? `${added[0].name} is added.` : `${added.length} pictures are added.`);
  if (!state.current) select(added[0]);
  render();
  advance();
}

// Two pictures of one name would share their hints.
function nameOf(file) {
  const taken = new Set(state.pictures.map((picture) => picture.name));
  const [, stem, extension] = /^(.*?)(\.[^.]*)?$/s.exec(file.name);
  let name = file.name;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}${extension ?? ""}`;
  return name;
}

function advance() {
  while (uploading < UPLOADS && waiting.length) {
    const picture = waiting.shift();
    if (picture.removed) continue;
    uploading += 1;
    server.busy(() => picture.open(settings.maxBytes)).finally(() => { uploading -= 1; advance(); });
  }
}

function changed(picture) {
  if (picture.ready && hintsByName.has(picture.name)) {
    const hints = hintsByName.get(picture.name);
    hintsByName.delete(picture.name);
    server.busy(() => takeHints(picture, hints));
  }
  render();
}

export function again(picture) {
  picture.error = null;
  if (picture.id && picture.ready) return refresh(picture);
  picture.phase = "waiting";
  waiting.push(picture);
  advance();
  render();
}

// Hints are opened: {"NAME": [{"x", "y", "color", "radius"}]}. The server says what is wrong with them.
async function openHints(file, pictureComes) {
  let found = null;
  try {
    if (file.size <= LARGEST_HINTS) found = JSON.parse(await file.text());
  } catch {
    // told below
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) {
    return tell(`${file.name}: no hints in it; wanted {"NAME": [{"x": 120, "y": 80, "color": "#3a5f2b"}]}.`);
  }
  const missing = [];
  for (const [name, hints] of Object.entries(found)) {
    const picture = state.pictures.find((other) => other.name === name);
    if (picture?.ready) await takeHints(picture, hints);
    else {
      hintsByName.set(name, hints);
      if (!picture) missing.push(name);
    }
  }
  if (missing.length && !pictureComes) tell(`${file.name}: its hints wait for ${missing.join(", ")}; drop the picture too.`);
}

async function takeHints(picture, hints) {
  try {
    await server.view(picture.id, { ...picture.look, hints }, { side: 16 });
  } catch (error) {
    picture.error = `Its hints are not taken: ${error.message}`;
    picture.canRetry = false;
    return render();
  }
  picture.history.step({ ...picture.look, hints: hints.map(({ x, y, color, radius = 0 }) => ({ x, y, color, radius })) });
  tell(`${picture.name}: ${hints.length} hints are opened.`);
  await picture.refresh().catch((error) => picture.fail(error));
}

const files = element("files");
files.addEventListener("change", () => {
  addFiles([...files.files]);
  files.value = "";
});
const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.toggle("over", hasFiles(event));
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const dropped = [...event.dataTransfer.files];
  if (!dropped.length) tell("There was no file in what you dropped: save the picture, and drop its file.");
  addFiles(dropped);
});
document.addEventListener("paste", (event) => {
  const found = [...event.clipboardData.files];
  if (!found.length) return;
  event.preventDefault();
  addFiles(found.map((file) => {
    if (file.name !== "image.png") return file;
    pasted += 1;
    return new File([file], `pasted-${pasted}.png`, { type: file.type });
  }));
});

export function removePicture(picture) {
  const index = state.pictures.indexOf(picture);
  picture.forget();
  state.pictures.splice(index, 1);
  if (state.pipette?.picture === picture) state.pipette = null;
  select(state.pictures[Math.min(index, state.pictures.length - 1)] ?? null);
  tell(`${picture.name} is removed.`);
  if (!state.pictures.length) files.focus();
  render();
}

window.addEventListener("pagehide", () => {
  const ids = state.pictures.map((picture) => picture.id).filter(Boolean);
  if (ids.length) server.forget(ids);
});
