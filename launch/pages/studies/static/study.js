"use strict";
// A participant's way: begin, then question by question: load, show for the exact time, hide, answer, until all is done.

const PAUSE = 600; // milliseconds of an empty stage before pictures appear
const element = (id) => document.getElementById(id);
const { mode, seconds } = document.body.dataset;
const choices = document.body.dataset.answers.split(" ");
const keys = mode === "2afc" ? { a: "a", b: "b" } : { r: "real", c: "coloured" };
Object.assign(keys, { ArrowLeft: choices[0], ArrowRight: choices[1] });

let question = null; // the one being asked
let shownAt = null; // when its pictures appeared; null while no answer is taken
let hiding = 0; // the timer that hides them
let ready = null; // the part whose start this person has confirmed since the page was loaded
let retry = null;
let anew = false; // another person begins at a screen where one has come to the end

async function call(path, content) {
  const options = content === undefined ? {} : { method: "POST", body: JSON.stringify(content) };
  const response = await fetch(path, options).catch(() => { throw new Error("The study does not answer. Is its server running?"); });
  const answer = await response.json().catch(() => ({ error: `the server said ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function show(section) {
  for (const id of ["intro", "trial", "done", "trouble"]) element(id).hidden = id !== section;
}

// One step at a time: what is pressed while one is under way starts no other. Whatever fails is shown with its reason;
// the same step is tried again on demand.
async function attempt(step) {
  if ("busy" in document.body.dataset) return;
  document.body.dataset.busy = "";
  try {
    await step();
  } catch (error) {
    retry = step;
    element("reason").textContent = error.message;
    show("trouble");
    element("retry").focus();
  } finally {
    delete document.body.dataset.busy;
  }
}

async function load(picture, url) {
  picture.src = url;
  await picture.decode().catch(() => { throw new Error("A picture could not be loaded."); });
}

async function present(next) {
  if (next.done) {
    element("code").textContent = next.code;
    show("done");
    element("thanks").focus(); // not the button: a key that is still held would begin anew
    return;
  }
  question = next;
  element("part").textContent = `${next.part === "practice" ? "Practice" : "Question"} ${next.place} of ${next.of}`;
  element("progress").value = (next.place - 1) / next.of;
  tell("");
  cover("");
  show("trial");
  await Promise.all(next.pictures.map((url, i) => load(element(i ? "picture-b" : "picture-a"), url)));
  if (ready === next.part) {
    setTimeout(reveal, PAUSE);
    return;
  }
  ready = next.part;
  const begins = next.part === "practice" ? "Practice: you are told the truth after each answer." : "From here on it counts.";
  cover(begins, mode === "2afc" ? "Show the first pair" : "Show the first picture", () => { cover(""); setTimeout(reveal, PAUSE); });
}

function cover(text, button, action) {
  clearTimeout(hiding);
  element("pictures").classList.add("hidden");
  element("cover").hidden = false;
  element("cover-text").textContent = text;
  element("go").hidden = !button;
  element("go").textContent = button || "";
  element("go").onclick = action || null;
  if (button) element("go").focus();
}

function reveal() {
  element("cover").hidden = true;
  element("pictures").classList.remove("hidden");
  requestAnimationFrame(() => { // from the frame that shows them
    shownAt = performance.now();
    enable(true);
    if (Number(seconds)) hiding = setTimeout(() => cover("Hidden. Your answer?"), Number(seconds) * 1000);
  });
}

function enable(on) {
  for (const button of document.querySelectorAll("[data-answer]")) button.disabled = !on;
}

async function answer(choice) {
  if (shownAt === null) return;
  const milliseconds = Math.round(performance.now() - shownAt);
  shownAt = null;
  enable(false);
  clearTimeout(hiding);
  await attempt(async () => {
    const told = await call("answer", { number: question.number, answer: choice, milliseconds });
    if (told.right) explain(choice, told.right);
    else await present(await call("next"));
  });
}

// In practice the truth is told, with the pictures in sight.
function explain(choice, right) {
  const truth = mode === "2afc" ? `The computer coloured ${right.toUpperCase()}.` : right === "real" ? "Its colours are real." : "The computer coloured it.";
  show("trial");
  element("cover").hidden = true;
  element("pictures").classList.remove("hidden");
  tell(`${choice === right ? "Right." : "No."} ${truth}`);
  element("next").focus();
}

// Stands where the answers are; without a text the answers do.
function tell(text) {
  document.querySelector(".answers").hidden = Boolean(text);
  document.querySelector(".told").hidden = !text;
  element("feedback").textContent = text;
}

element("begin").onclick = () => attempt(async () => {
  const next = await call("begin", anew ? { again: true } : {});
  anew = false;
  await present(next);
});
// Who sits down next has not read what is asked.
element("again").onclick = () => {
  anew = true;
  ready = null;
  show("intro");
  scrollTo(0, 0);
  element("begin").focus({ preventScroll: true });
};
element("next").onclick = () => attempt(async () => present(await call("next")));
element("retry").onclick = () => attempt(retry);
for (const button of document.querySelectorAll("[data-answer]")) button.onclick = () => answer(button.dataset.answer);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const choice = keys[event.key] || keys[event.key.toLowerCase()];
  if (!choice || shownAt === null) return;
  event.preventDefault();
  answer(choice);
});
// A browser that had begun goes on where it was.
if ("begun" in document.body.dataset) attempt(async () => present(await call("next")));
