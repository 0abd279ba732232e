// What goes out: a coloured picture, all of them as a zip, and the hints as JSON.

import { downloadZip } from "./client-zip.js";
import * as server from "./server.js";
import { element, onRender, render, state, tell } from "./state.js";

const EXTENSIONS = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/tiff": ".tif" };
let saving = false;
const saved = new WeakMap(); // Picture: its look as it was saved

onRender(() => {
  const ready = state.pictures.filter((picture) => picture.ready);
  element("download").disabled = saving || !state.current?.ready;
  element("download-all").disabled = saving || !ready.length;
  element("save-hints").disabled = !ready.some((picture) => picture.hints.length);
});

const stem = (picture) => picture.name.replace(/\.[^.]*$/, "") || "picture";

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function fetchColoured(picture) {
  const look = picture.look;
  const blob = await server.download(picture.id, look, picture.name);
  saved.set(picture, look);
  return { name: `${stem(picture)}_coloured${EXTENSIONS[blob.type] ?? ""}`, input: blob };
}

async function whileSaving(button, step) {
  if (saving) return;
  saving = true;
  const words = button.querySelector("span");
  const before = words.textContent;
  words.textContent = "Colouring …";
  render();
  await server.busy(step);
  saving = false;
  words.textContent = before;
  render();
}

export function download() {
  const picture = state.current;
  if (!picture?.ready) return;
  whileSaving(element("download"), async () => {
    try {
      const file = await fetchColoured(picture);
      save(file.input, file.name);
      tell(`${file.name} is downloaded.`);
    } catch (error) {
      picture.fail(error);
    }
  });
}

// One picture after the other: the server colours one at full size at a time.
function downloadAll() {
  whileSaving(element("download-all"), async () => {
    const files = [], failed = [];
    const ready = state.pictures.filter((picture) => picture.ready);
    for (const picture of ready) {
      tell(`Colouring ${files.length + 1} of ${ready.length}: ${picture.name}`);
      try {
        files.push(await fetchColoured(picture));
      } catch (error) {
        picture.fail(error);
        failed.push(picture.name);
      }
    }
    if (ready.some((picture) => picture.hints.length)) files.push({ name: "hints.json", input: hintsText() });
    if (files.length) save(await downloadZip(files).blob(), "coloured.zip");
    tell(failed.length ? `Without ${failed.join(", ")}: coloured.zip is downloaded.` : "coloured.zip is downloaded.");
  });
}

// The hints of all pictures by their names, as `tintmill colorize --hints` reads them.
function hintsText() {
  const found = state.pictures.filter((picture) => picture.hints.length).map((picture) => [picture.name, picture.hints]);
  return `${JSON.stringify(Object.fromEntries(found), null, 1)}\n`;
}

export function saveHints() {
  if (!state.pictures.some((picture) => picture.hints.length)) return;
  save(new Blob([hintsText()], { type: "application/json" }), "hints.json");
  for (const picture of state.pictures) saved.set(picture, picture.look);
  tell("hints.json is saved; drop it here with its pictures to go on.");
}

element("download").addEventListener("click", download);
element("download-all").addEventListener("click", downloadAll);
element("save-hints").addEventListener("click", saveHints);

// Hints are work of a person; the browser asks before they are lost.
window.addEventListener("beforeunload", (event) => {
  if (state.pictures.some((picture) => picture.hints.length && saved.get(picture) !== picture.look)) event.preventDefault();
});
