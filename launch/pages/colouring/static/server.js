// Requests to the server. While one is under way, or what is seen is not yet up to date, the body has data-busy.

let under = 0;

export async function busy(step) {
  under += 1;
  document.body.dataset.busy = "";
  try {
    return await step();
  } finally {
    under -= 1;
    if (!under) delete document.body.dataset.busy;
  }
}

// Does a step once nobody has asked for one for some milliseconds; the page is busy until it is done.
export class AfterRest {
  #milliseconds;
  #timer = 0;
  #done = null;

  constructor(milliseconds) { this.#milliseconds = milliseconds; }

  ask(step) {
    if (!this.#done) busy(() => new Promise((resolve) => { this.#done = resolve; }));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const done = this.#done;
      this.#done = null;
      step().finally(done);
    }, this.#milliseconds);
  }
}

// Of the picture or the wish itself: to ask again would not help.
export class Refused extends Error {}

function refusal(status, answer) {
  const reason = answer?.error ?? `the server said ${status}`;
  const error = [400, 413, 422].includes(status) ? new Refused(reason) : new Error(reason);
  error.status = status;
  return error;
}

async function ask(path, options) {
  const response = await fetch(path, options).catch(() => { throw new Error("the server does not answer"); });
  if (!response.ok) throw refusal(response.status, await response.json().catch(() => null));
  return response;
}

function post(id, what, asked) {
  const body = JSON.stringify(asked);
  return ask(`pictures/${id}/${what}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

export const view = async (id, look, more) => (await post(id, "view", { ...look, ...more })).blob();
export const probable = async (id, look, point) => (await (await post(id, "probable", { ...look, ...point })).json()).colors;
export const download = async (id, look, name) => (await post(id, "download", { ...look, name })).blob();
export const original = async (id) => (await ask(`pictures/${id}/original`)).blob();
export const remove = (id) => fetch(`pictures/${id}`, { method: "DELETE" }).catch(() => {});
export const forget = (ids) => navigator.sendBeacon("forget", ids.join("\n"));

// XMLHttpRequest, because fetch does not tell how much of a body is sent.
export function upload(file, onShare, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "pictures");
    request.responseType = "json";
    request.upload.onprogress = (event) => onShare(event.loaded / Math.max(1, event.total));
    request.upload.onload = onSent;
    request.onload = () => request.status === 201 ? resolve(request.response) : reject(refusal(request.status, request.response));
    request.onerror = () => reject(new Error("the server does not answer, or the file cannot be read"));
    request.send(file);
  });
}
