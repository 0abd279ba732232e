// A picture of this page: its file, where its upload stands, how it is coloured, and what of it has been fetched.

import { History } from "./history.js";
import * as server from "./server.js";

const THUMBNAIL = 192; // pixels of its longer side

export class Picture {
  constructor(file, name, changed) {
    this.file = file;
    this.name = name;
    this.history = new History();
    this.changed = changed; // called whenever something of it is to be shown anew
    this.phase = "waiting"; // then uploading, colouring, ready or failed
    this.share = 0;
    this.urls = {}; // of fetched images: thumbnail, coloured, grey, original
    this.shownLook = null; // the look of urls.coloured
  }

  get ready() { return this.phase === "ready"; }
  get look() { return this.history.look; }
  get hints() { return this.look.hints; }

  // Sends the file, unless the server has it, and fetches what is seen first.
  async open(maxBytes) {
    this.error = null;
    try {
      if (this.file.size > maxBytes) throw new server.Refused(`more than ${maxBytes / 1e6} MB, which is the most that is taken here`);
      if (!this.id) await this.#send();
      if (this.removed) return this.forget();
      await this.fetch("grey", () => server.view(this.id, { chroma: 0 }));
      await this.refresh();
      this.#set("ready");
    } catch (error) {
      this.fail(error);
    }
  }

  async #send() {
    this.#set("uploading");
    const answer = await server.upload(this.file, (share) => { this.share = share; this.changed(this); }, () => this.#set("colouring"));
    this.id = answer.id;
    this.width = answer.width;
    this.height = answer.height;
    this.hasColours = answer.has_colours;
  }

  #set(phase) {
    this.phase = phase;
    this.changed(this);
  }

  fail(error) {
    if (error.status === 404) this.id = null; // no longer held: it is sent again on demand, its hints are still here
    this.error = error.message;
    this.canRetry = !(error instanceof server.Refused);
    if (!this.ready) this.phase = "failed";
    this.changed(this);
  }

  // One preview is under way at a time; what was asked for meanwhile comes after it, the last of it alone.
  async refresh() {
    this.stale = true;
    this.refreshing ??= this.#fetchAll().finally(() => { this.refreshing = null; });
    return this.refreshing;
  }

  async #fetchAll() {
    while (this.stale && !this.removed) {
      this.stale = false;
      const look = this.look;
      await this.fetch("coloured", () => server.view(this.id, look));
      this.shownLook = look;
      this.error = null;
      this.changed(this);
      if (!this.stale) await this.fetch("thumbnail", () => server.view(this.id, look, { side: THUMBNAIL }));
    }
    this.changed(this);
  }

  async fetch(name, ask) {
    const blob = await ask();
    const before = this.urls[name];
    this.urls[name] = URL.createObjectURL(blob);
    if (before) setTimeout(() => URL.revokeObjectURL(before), 5000); // it may still be on its way to the screen
  }

  forget() {
    this.removed = true;
    if (this.id) server.remove(this.id);
    this.id = null;
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
  }
}
