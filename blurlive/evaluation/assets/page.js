// Every clip shows frame k of its strips: one CSS variable a clip moves them all, so that they play in sync.
// Errors and frames shown are counted on <html>, where a test or a reader of the page's source finds them.
"use strict";
const root = document.documentElement;
root.dataset.errors = 0;
root.dataset.frames = 0;
addEventListener("error", () => root.dataset.errors++);

const clips = [...document.querySelectorAll(".clip")];
const list = document.getElementById("clips");
const play = document.getElementById("play");
const slider = document.getElementById("frame");
const speed = document.getElementById("speed");
const order = document.getElementById("order");
const LAST = 6;
let frame = 0;
let step = 1;
let timer = null;

function show(clip, k) {
  clip.style.setProperty("--k", k);
  clip.dataset.frame = k;
  clip.querySelector("input").value = k;
}

function showAll(k) {
  frame = k;
  slider.value = k;
  clips.forEach((clip) => show(clip, k));
  root.dataset.frames++;
}

// Forth and back: a loop that jumps from the last frame to the first hides the motion.
function tick() {
  if (frame + step < 0 || frame + step > LAST) step = -step;
  showAll(frame + step);
}

function setPlaying(playing) {
  clearInterval(timer);
  timer = playing ? setInterval(tick, Number(speed.value)) : null;
  play.textContent = playing ? "Pause" : "Play";
  play.setAttribute("aria-pressed", playing);
}

function stepBy(change) {
  setPlaying(false);
  showAll(Math.min(LAST, Math.max(0, frame + change)));
}

const orders = {
  worst: (a, b) => a.dataset.gain - b.dataset.gain,
  best: (a, b) => b.dataset.gain - a.dataset.gain,
  motion: (a, b) => b.dataset.motion - a.dataset.motion,
  name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, { numeric: true }),
};

// The picture that lies over a method's own while comparing: the same part of the truth or of the blurred photo.
function lay(view, role) {
  const kind = view.classList.contains("zoom") ? ".zoom" : ".full";
  const source = view.closest(".clip").querySelector(`[data-role="${role}"] ${kind} img`);
  let over = view.querySelector(".over");
  if (!over) {
    over = document.createElement("img");
    over.alt = "";
    view.append(over);
  }
  over.className = source.classList.contains("strip") ? "over strip" : "over";
  over.src = source.src;
}

function hold(role) {
  document.querySelectorAll(".tile .view").forEach((view) => lay(view, role));
  list.classList.add("hold");
}

// A method's picture and its crop are split at the same share of their width.
document.querySelectorAll('[data-role="method"]').forEach((tile) => {
  const views = [...tile.querySelectorAll(".view")];
  views.forEach((view) => {
    view.addEventListener("pointermove", (event) => {
      if (!tile.classList.contains("split")) views.forEach((one) => lay(one, "truth"));
      const box = view.getBoundingClientRect();
      tile.style.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
      tile.classList.add("split");
    });
    view.addEventListener("pointerleave", () => tile.classList.remove("split"));
  });
});

clips.forEach((clip) => {
  clip.querySelector("input").addEventListener("input", (event) => {
    setPlaying(false);
    show(clip, Number(event.target.value));
  });
});

play.addEventListener("click", () => setPlaying(timer === null));
slider.addEventListener("input", () => {
  setPlaying(false);
  showAll(Number(slider.value));
});
speed.addEventListener("change", () => setPlaying(true));
order.addEventListener("change", () => list.append(...clips.sort(orders[order.value])));

addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, button") || event.repeat) return;
  const actions = {
    " ": () => setPlaying(timer === null),
    ArrowLeft: () => stepBy(-1),
    ArrowRight: () => stepBy(1),
    t: () => hold("truth"),
    b: () => hold("input"),
  };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
});
addEventListener("keyup", () => list.classList.remove("hold"));

showAll(0);
setPlaying(true);
