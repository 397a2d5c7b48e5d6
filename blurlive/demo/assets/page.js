// A photo goes up, frames come down one by one and stay here: scrubbing, flipping and zooming ask nobody.
"use strict";
const $ = (id) => document.getElementById(id);
const canvas = $("picture"), slider = $("frame"), main = document.documentElement;
const LONGEST = Number(document.body.dataset.megabytes) * 2 ** 20;
const CLICK = 4; // pixels that a click may move
let job = null; // the AbortController of what is being made
let asked = null; // the photo that is to be seen: of the clip, or of what is being made
let clip = null; // { photo, flips, id, width, height, count, frames, blurred } as far as it has come
let flips = []; // regions of the photo asked for that play the other way round, as the server takes them
let at = 0, step = 1, timer = null; // place in time, which way it runs, whether it does
let view = null, drag = null; // the part of the photo that is seen, in its pixels

const pressed = (button) => button.getAttribute("aria-pressed") === "true";
const press = (button, on) => button.setAttribute("aria-pressed", on);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const number = () => (pressed($("flip")) ? clip.count - 1 - at : at); // of the frame that is seen at this time

function say(text, share) {
  $("status").textContent = text;
  $("progress").classList.toggle("done", share === undefined);
  if (share) $("bar").value = share;
  else $("bar").removeAttribute("value");
}

// What is said while nothing is done.
function rest() {
  say(clip ? `${clip.width} × ${clip.height} pixels, ${clip.frames.length} frames` : "");
}

function complain(error) {
  if (error.name === "AbortError") return;
  const lost = error instanceof TypeError;
  $("alert").textContent = lost ? "The server does not answer. Is blurlive demo still running?" : error.message;
  $("alert").hidden = false;
  rest();
}

async function answer(response) {
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
}

async function* lines(stream) {
  let rest = "";
  for (const reader = stream.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}

async function picture(id, index, signal) {
  const response = await answer(await fetch(`clips/${id}/${index}`, { signal }));
  return createImageBitmap(await response.blob());
}

async function make(photo) {
  job?.abort();
  const { signal } = (job = new AbortController());
  const before = clip;
  if (photo !== asked) flips = [];
  [asked, $("whole").hidden] = [photo, !flips.length];
  $("alert").hidden = true;
  try {
    if (photo.size > LONGEST) throw new Error(`${photo.name}: has more than ${LONGEST >> 20} MB; make the photo smaller first`);
    say("Reading the photo", 0);
    $("clip").hidden = false;
    const query = new URLSearchParams([["name", photo.name], ["iters", chosen("iters")], ...flips.map((region) => ["flip", region])]);
    const response = await answer(await fetch(`clips?${query}`, { method: "POST", body: photo, signal }));
    for await (const event of lines(response.body)) await take(event, photo, signal);
    if (clip === before || clip.frames.length !== clip.count) throw new TypeError("cut short");
    finish();
  } catch (error) {
    if (signal.aborted) return; // the next photo has taken over
    [asked, flips] = [clip?.photo, clip?.flips ?? []];
    $("whole").hidden = !flips.length;
    if (!clip) $("clip").hidden = true;
    complain(error);
  }
}

async function take(event, photo, signal) {
  if (event.error) throw new Error(event.error);
  if (event.waiting) say("Waiting for the photo before", 0);
  if (event.id) open({ ...event, photo, flips, frames: [], blurred: await picture(event.id, 0, signal) });
  if (!event.frame) return;
  clip.frames.push(await picture(clip.id, event.frame, signal));
  say(`Frame ${event.frame} of ${clip.count}`, event.frame / clip.count);
  if (!pressed($("flip"))) at = event.frame - 1;
  draw();
}

function open(next) {
  const same = clip && clip.width === next.width && clip.height === next.height;
  [clip, at, step] = [next, 0, 1];
  if (!same) view = whole();
  play(false);
  press($("blurred"), false);
  $("clip").inert = false;
  document.querySelectorAll("#downloads button").forEach((button) => (button.disabled = true));
  slider.max = clip.count;
  canvas.style.setProperty("--aspect", clip.width / clip.height);
  say("Bringing it alive", 0);
  draw();
}

function finish() {
  rest();
  document.querySelectorAll("#downloads button").forEach((button) => (button.disabled = false));
  at = 0;
  draw();
  play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
}

// ---- time

function tick() {
  const last = clip.count - 1;
  if (!pressed($("boomerang"))) step = 1;
  else if (at + step < 0 || at + step > last) step = -step;
  at = (at + step + clip.count) % clip.count;
  draw();
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(tick, 1000 / Number(chosen("fps"))) : null;
  press($("play"), on);
  $("play").setAttribute("aria-label", on ? "Pause" : "Play");
}

function seek(place) {
  play(false);
  at = Math.min(clip.count - 1, Math.max(0, place));
  draw();
}

function chooseRegion(on = !pressed($("region"))) {
  press($("region"), on);
  main.classList.toggle("choosing", on);
  if (on) play(false);
}

function flip() {
  press($("flip"), !pressed($("flip")));
  at = clip.count - 1 - at; // the picture stays, time turns
  draw();
}

// A region's edges in percent of the photo.
function flipRegion({ x, y, w, h }) {
  chooseRegion(false);
  const percent = (place, size) => Math.min(100, Math.max(0, (100 * place) / size)).toFixed(2);
  flips = [...flips, [percent(x, clip.width), percent(y, clip.height), percent(x + w, clip.width), percent(y + h, clip.height)].join()];
  make(asked);
}

function blurred(on) {
  press($("blurred"), on);
  draw();
}

// ---- picture

function draw() {
  const shown = pressed($("blurred")) ? clip.blurred : clip.frames[number()] ?? clip.blurred;
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const height = Math.round((width * clip.height) / clip.width);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = width < 4 * view.w;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(shown, view.x, view.y, view.w, view.h, 0, 0, width, height);
  if (drag?.area) outline(pen, width / view.w);
  slider.value = at + 1;
  slider.setAttribute("aria-valuetext", `Frame ${at + 1} of ${clip.count}`);
  $("count").textContent = `${at + 1} / ${clip.count}`;
  $("badge").hidden = shown !== clip.blurred;
  const name = shown === clip.blurred ? "The blurred photo" : `Frame ${number() + 1} of ${clip.count}`;
  canvas.setAttribute("aria-label", zoomed() ? `${name}, zoomed in` : name);
  canvas.dataset.frame = shown === clip.blurred ? 0 : number() + 1;
  press($("zoom"), zoomed());
  main.classList.toggle("zoomed", zoomed());
}

function outline(pen, scale) {
  const { x, y, w, h } = drag.area;
  const box = [(x - view.x) * scale, (y - view.y) * scale, w * scale, h * scale];
  pen.lineWidth = 4 * devicePixelRatio;
  pen.strokeStyle = "#0006";
  pen.strokeRect(...box);
  pen.lineWidth = 2 * devicePixelRatio;
  pen.strokeStyle = "#fff";
  pen.strokeRect(...box);
}

const whole = () => ({ x: 0, y: 0, w: clip.width, h: clip.height });
const zoomed = () => view.w < clip.width;

// Show `w` pixels of the photo's width around a point, within the photo and in its proportions.
function look(x, y, w) {
  w = Math.min(clip.width, Math.max(w, Math.min(clip.width, 16)));
  const h = (w * clip.height) / clip.width;
  const inside = (centre, size, all) => Math.min(all - size, Math.max(0, centre - size / 2));
  view = { x: inside(x, w, clip.width), y: inside(y, h, clip.height), w, h };
  draw();
}

function zoom(factor, dx = 0, dy = 0) {
  look(view.x + view.w * (0.5 + dx), view.y + view.h * (0.5 + dy), view.w / factor);
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  const from = drag?.view ?? view;
  return { x: from.x + ((event.clientX - box.left) / box.width) * from.w, y: from.y + ((event.clientY - box.top) / box.height) * from.h };
}

function dragged(event) {
  const { x, y } = point(event);
  drag.moved ||= Math.hypot(event.clientX - drag.clientX, event.clientY - drag.clientY) > CLICK;
  if (!drag.moved) return;
  if (zoomed() && !pressed($("region"))) look(drag.view.x + drag.view.w / 2 + drag.x - x, drag.view.y + drag.view.h / 2 + drag.y - y, drag.view.w);
  else drag.area = { x: Math.min(x, drag.x), y: Math.min(y, drag.y), w: Math.abs(x - drag.x), h: Math.abs(y - drag.y) };
  draw();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  drag = { ...point(event), clientX: event.clientX, clientY: event.clientY, view: { ...view } };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => drag && dragged(event));
canvas.addEventListener("pointerup", () => {
  if (!drag) return;
  const { moved, area, x, y } = drag;
  drag = null;
  if (area && pressed($("region"))) flipRegion(area);
  else if (pressed($("region"))) draw();
  else if (area) look(area.x + area.w / 2, area.y + area.h / 2, Math.max(area.w, (area.h * clip.width) / clip.height));
  else if (!moved) zoomed() ? look(0, 0, clip.width) : look(x, y, clip.width / 3);
});
canvas.addEventListener("pointercancel", () => {
  drag = null;
  draw();
});

// ---- files

async function download(format) {
  const flags = { fps: chosen("fps"), reverse: Number(pressed($("flip"))), boomerang: Number(pressed($("boomerang"))) };
  const ending = { apng: "png", frames: "zip", sheet: "sheet.png", side: "side.mp4" }[format] ?? format;
  $("alert").hidden = true;
  say(`Writing ${ending}`, 0);
  try {
    const response = await answer(await fetch(`clips/${clip.id}/${format}?${new URLSearchParams(flags)}`));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${clip.photo.name.replace(/\.[^.]*$/, "") || "clip"}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    rest();
  } catch (error) {
    complain(error);
  }
}

$("downloads").addEventListener("click", (event) => event.target.value && download(event.target.value));
$("file").addEventListener("change", () => {
  if ($("file").files[0]) make($("file").files[0]);
  $("file").value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  main.classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget || main.classList.remove("over"));
for (const [kind, carried] of [["drop", "dataTransfer"], ["paste", "clipboardData"]]) {
  addEventListener(kind, (event) => {
    main.classList.remove("over");
    if (kind === "drop") event.preventDefault();
    if (event[carried].files[0]) make(event[carried].files[0]);
  });
}

// ---- buttons and keys

$("play").addEventListener("click", () => play(!timer));
$("flip").addEventListener("click", flip);
$("boomerang").addEventListener("click", () => press($("boomerang"), !pressed($("boomerang"))));
$("region").addEventListener("click", () => chooseRegion());
$("whole").addEventListener("click", () => ((flips = []), make(asked)));
$("blurred").addEventListener("click", () => blurred(!pressed($("blurred"))));
$("zoom").addEventListener("click", () => zoom(zoomed() ? 1e-9 : 3));
slider.addEventListener("input", () => seek(Number(slider.value) - 1));
document.querySelectorAll('input[name="fps"]').forEach((choice) => choice.addEventListener("change", () => timer && play(true)));
document.querySelectorAll('input[name="iters"]').forEach((choice) => choice.addEventListener("change", () => make(asked)));
new ResizeObserver(() => clip && draw()).observe(canvas);

const keys = {
  ArrowLeft: (shift) => (shift ? zoom(1, -0.2, 0) : seek(at - 1)),
  ArrowRight: (shift) => (shift ? zoom(1, 0.2, 0) : seek(at + 1)),
  ArrowUp: (shift) => shift && zoom(1, 0, -0.2),
  ArrowDown: (shift) => shift && zoom(1, 0, 0.2),
  " ": () => play(!timer),
  f: flip,
  r: () => chooseRegion(),
  b: () => blurred(true),
  "+": () => zoom(1.5),
  "-": () => zoom(1 / 1.5),
  Escape: () => (pressed($("region")) ? chooseRegion() : look(0, 0, clip.width)),
};
// What a control does with a key itself is left to it: arrows move sliders and choices, space presses.
const taken = (key, control) => (key === " " ? control.matches("button, [type=file]") : key.startsWith("Arrow") && control.matches("input"));
addEventListener("keydown", (event) => {
  if (!clip || taken(event.key, event.target) || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  if (event.key === "ArrowUp" || event.key === "ArrowDown" ? event.shiftKey : true) event.preventDefault();
  keys[event.key](event.shiftKey);
});
addEventListener("keyup", (event) => clip && event.key === "b" && blurred(false));
