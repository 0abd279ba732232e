"use strict";
// Each picture is a card: uploading, waiting for the network, then compared and adjusted, or refused with the reason.

const UPLOADS = 2; // at a time: the browser has six connections to a server, and previews need some
const maxBytes = Number(document.body.dataset.maxBytes);
const element = (id) => document.getElementById(id);
const held = new Set(); // ids of this page's pictures
const line = []; // cards that wait for their upload
let uploading = 0;

function add(files) {
  const cards = files.map((file) => new Card(file));
  element("pictures").prepend(...cards.map((card) => card.root));
  line.push(...cards);
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

function tell(text) { element("status").textContent = text; }

class Card {
  constructor(file) {
    this.file = file;
    this.root = element("picture").content.firstElementChild.cloneNode(true);
    this.part = (name) => this.root.querySelector(`.${name}`);
    this.part("name").textContent = file.name;
    this.part("place").setAttribute("aria-label", `${file.name}: from coloured to grey`);
    this.state("waiting", 0);
    this.part("place").oninput = () => this.part("compare").style.setProperty("--place", `${this.part("place").value}%`);
    this.part("chroma").oninput = () => this.adjust("chroma");
    if (this.part("temperature")) this.part("temperature").oninput = () => this.adjust("temperature");
    this.part("download").onclick = () => this.download();
    this.part("remove").onclick = () => this.remove();
  }

  state(text, share) {
    this.part("state").textContent = text;
    if (share === null) this.part("progress").querySelector("progress").removeAttribute("value");
    else this.part("progress").querySelector("progress").value = share;
  }

  async upload() {
    if (this.removed) return;
    try {
      if (this.file.size > maxBytes) throw new Error(`more than ${maxBytes / 1e6} MB, which is the most that is taken here`);
      const answer = await this.send();
      this.id = answer.id;
      held.add(this.id);
      if (this.removed) return void this.forget();
      this.part("size").textContent = `${answer.width} × ${answer.height}`;
      this.part("compare").style.setProperty("--shape", answer.width / answer.height);
      const grey = this.part("grey");
      grey.src = `pictures/${this.id}/grey`;
      await Promise.all([grey.decode(), this.refresh()]);
      this.part("progress").hidden = true;
      this.part("result").hidden = this.part("download").hidden = false;
      tell(`${this.file.name} is coloured.`);
    } catch (error) {
      this.fail(error.message);
    }
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
        : reject(new Error(request.response ? request.response.error : `the server said ${request.status}`));
      request.onerror = () => reject(new Error("the server does not answer, or the file cannot be read"));
      request.send(this.file);
    });
  }

  fail(reason) {
    this.part("error").textContent = reason;
    this.part("error").hidden = false;
    this.part("progress").hidden = true;
    tell(`${this.file.name}: ${reason}.`);
  }

  adjust(name) {
    this[name] = this.part(name).value;
    this.part(`${name}-shown`).textContent = Number(this[name]).toFixed(2);
    this.refresh().catch((error) => this.fail(error.message));
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
        const blob = await this.get(`coloured?${this.settings()}`);
        const before = this.part("coloured").src;
        this.part("coloured").src = URL.createObjectURL(blob);
        await this.part("coloured").decode();
        if (before) URL.revokeObjectURL(before);
      } while (this.stale);
      this.part("error").hidden = true;
    } finally {
      this.refreshing = false;
    }
  }

  async get(path) {
    const response = await fetch(`pictures/${this.id}/${path}`).catch(() => { throw new Error("the server does not answer"); });
    if (response.ok) return response.blob();
    const answer = await response.json().catch(() => ({ error: `the server said ${response.status}` }));
    throw new Error(answer.error);
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
      tell(`${link.download} is downloaded.`);
    } catch (error) {
      this.fail(error.message);
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
  add([...event.dataTransfer.files]);
});
window.addEventListener("pagehide", () => { if (held.size) navigator.sendBeacon("forget", [...held].join("\n")); });
