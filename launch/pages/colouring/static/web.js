"use strict";
// Each picture is a card: uploading, waiting for the network, then compared and adjusted, or refused with the reason.

const UPLOADS = 2; // at a time: the browser has six connections to a server, and previews need some
const maxBytes = Number(document.body.dataset.maxBytes);
const element = (id) => document.getElementById(id);
const held = new Set(); // ids of this page's pictures
const line = []; // cards that wait for their upload
let uploading = 0;
let cards = 0; // made so far

function add(files) {
  const added = files.map((file) => new Card(file));
  element("pictures").prepend(...added.map((card) => card.root));
  line.push(...added);
  if (files.length) tell(`${files.length === 1 ? "One picture" : `${files.length} pictures`} added.`);
  advance();
}

function advance() {
  while (uploading < UPLOADS && line.length) {
    const card = line.shift();
    uploading += 1;
    card.upload().finally(() => { uploading -= 1; advance(); });
  }
}

// Of the picture itself: to send it again would not help.
class Refused extends Error {}

function refusal(status, answer) {
  const reason = answer && answer.error ? answer.error : `the server said ${status}`;
  return [400, 413, 422].includes(status) ? new Refused(reason) : new Error(reason);
}

function tell(text) { element("status").textContent = text; }

class Card {
  constructor(file) {
    this.file = file;
    this.root = element("picture").content.firstElementChild.cloneNode(true);
    this.part = (name) => this.root.querySelector(`.${name}`);
    this.part("name").textContent = file.name;
    this.part("name").id = `name-${cards += 1}`;
    this.root.setAttribute("aria-labelledby", this.part("name").id);
    // Ten cards have ten buttons of one name each: whose they are is said after it.
    for (const control of this.root.querySelectorAll("button, .settings input")) control.setAttribute("aria-describedby", this.part("name").id);
    this.part("place").setAttribute("aria-label", `${file.name}: from coloured to grey`);
    this.state("waiting", 0);
    this.part("place").oninput = () => this.place();
    this.place();
    this.part("chroma").oninput = () => this.adjust("chroma");
    if (this.part("temperature")) this.part("temperature").oninput = () => this.adjust("temperature");
    this.part("download").onclick = () => this.download();
    this.part("remove").onclick = () => this.remove();
    this.part("reset").onclick = () => this.reset();
    this.part("again").onclick = () => this.again();
  }

  place() {
    const grey = Number(this.part("place").value);
    this.part("compare").style.setProperty("--place", `${grey}%`);
    const both = `left ${grey} % grey, the rest coloured`;
    this.part("place").setAttribute("aria-valuetext", grey === 0 ? "coloured" : grey === 100 ? "grey" : both);
  }

  state(text, share) {
    this.part("state").textContent = text;
    if (share === null) this.part("progress").querySelector("progress").removeAttribute("value");
    else this.part("progress").querySelector("progress").value = share;
  }

  async upload() {
    if (this.removed) return;
    try {
      if (this.file.size > maxBytes) throw new Refused(`more than ${maxBytes / 1e6} MB, which is the most that is taken here`);
      const answer = await this.send();
      this.id = answer.id;
      held.add(this.id);
      if (this.removed) return void this.forget();
      this.part("size").textContent = `${answer.width} × ${answer.height}`;
      this.part("compare").style.setProperty("--shape", answer.width / answer.height);
      await this.open();
    } catch (error) {
      this.fail(error);
    }
  }

  // One after the other: what the second one succeeds in must not hide that the first one failed.
  async open() {
    await this.show("grey", "grey");
    await this.refresh();
    this.part("progress").hidden = true;
    this.part("result").hidden = this.part("download").hidden = false;
    tell(`${this.file.name} is coloured.`);
  }

  // XMLHttpRequest, because fetch does not tell how much of a body is sent.
  send() {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", "pictures");
      request.responseType = "json";
      request.upload.onprogress = (event) => this.state("uploading", event.loaded / Math.max(1, event.total));
      request.upload.onload = () => this.state("colouring", null);
      request.onload = () => request.status === 201 ? resolve(request.response)
        : reject(refusal(request.status, request.response));
      request.onerror = () => reject(new Error("the server does not answer, or the file cannot be read"));
      request.send(this.file);
    });
  }

  fail(error) {
    this.part("error").textContent = error.message;
    this.part("error").hidden = false;
    this.part("again").hidden = error instanceof Refused;
    this.part("progress").hidden = true;
    tell(`${this.file.name}: ${error.message}.`);
  }

  // The file is still at hand here, whatever the server has forgotten.
  again() {
    this.well();
    if (this.id) return void (this.part("result").hidden ? this.open() : this.refresh()).catch((error) => this.fail(error));
    this.part("progress").hidden = false;
    this.state("waiting", 0);
    line.push(this);
    advance();
  }

  well() { this.part("error").hidden = this.part("again").hidden = true; }

  adjust(name) {
    this[name] = this.part(name).value;
    this.part(`${name}-shown`).value = Number(this[name]).toFixed(2);
    this.part("reset").hidden = false;
    this.refresh().catch((error) => this.fail(error));
  }

  reset() {
    for (const name of ["chroma", "temperature"]) {
      const slider = this.part(name);
      if (!slider) continue;
      delete this[name];
      slider.value = slider.defaultValue;
      this.part(`${name}-shown`).value = this.part(`${name}-shown`).defaultValue;
    }
    this.part("chroma").focus();
    this.part("reset").hidden = true;
    this.refresh().catch((error) => this.fail(error));
  }

  settings() {
    const wanted = new URLSearchParams({ chroma: this.chroma || 1 });
    if (this.temperature) wanted.set("temperature", this.temperature);
    return wanted;
  }

  // One preview is under way at a time; what was asked for meanwhile comes after it, the last of it alone.
  async refresh() {
    if (this.refreshing) {
      this.stale = true;
      return;
    }
    this.refreshing = true;
    try {
      do {
        this.stale = false;
        await this.show("coloured", `coloured?${this.settings()}`);
      } while (this.stale);
      this.well();
    } finally {
      this.refreshing = false;
    }
  }

  async show(name, path) {
    const blob = await this.get(path);
    const image = this.part(name), before = image.src;
    image.src = URL.createObjectURL(blob);
    await image.decode();
    if (before) URL.revokeObjectURL(before);
  }

  async get(path) {
    const response = await fetch(`pictures/${this.id}/${path}`).catch(() => { throw new Error("the server does not answer"); });
    if (response.ok) return response.blob();
    if (response.status === 404) this.forget();
    throw refusal(response.status, await response.json().catch(() => null));
  }

  async download() {
    const button = this.part("download");
    button.disabled = true;
    button.textContent = "Colouring in full size …";
    try {
      const name = this.file.name.replace(/\.[^.]*$/, "") || "picture";
      const blob = await this.get(`download?${this.settings()}&name=${encodeURIComponent(this.file.name)}`);
      const extension = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/tiff": ".tif" }[blob.type] || "";
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${name}_coloured${extension}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      this.well();
      tell(`${link.download} is downloaded.`);
    } catch (error) {
      this.fail(error);
    }
    button.disabled = false;
    button.textContent = "Download in full size";
  }

  remove() {
    this.removed = true;
    this.forget();
    this.root.remove();
    tell(`${this.file.name} is removed.`);
    element("files").focus();
  }

  forget() {
    if (!this.id) return;
    held.delete(this.id);
    fetch(`pictures/${this.id}`, { method: "DELETE" }).catch(() => {});
    this.id = null;
  }
}

element("files").onchange = () => {
  add([...element("files").files]);
  element("files").value = "";
};
document.addEventListener("dragover", (event) => { event.preventDefault(); element("drop").classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) element("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  element("drop").classList.remove("over");
  const files = [...event.dataTransfer.files];
  if (!files.length) tell("There was no file in what you dropped: save the picture, and drop its file.");
  add(files);
});
window.addEventListener("pagehide", () => { if (held.size) navigator.sendBeacon("forget", [...held].join("\n")); });
