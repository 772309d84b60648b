// Keeps a page live. Everything is rendered by the server: this asks the page's own address for events and puts parts
// in place, and writes beside each slider what it stands at. Without it pages are whole, only not live.
"use strict";

const badge = document.getElementById("live");

function say(text, isLive) {
  if (!badge) return;
  badge.textContent = text;
  badge.classList.toggle("on", isLive);
}

// A part is left alone while somebody is at it: a form that was touched, a marked text, a field that has the focus.
function isInUse(part) {
  if (part.querySelector("form[data-touched]")) return true;
  const focus = document.activeElement;
  if (focus && part.contains(focus) && focus.matches("input, select, textarea")) return true;
  const marked = document.getSelection();
  return !!marked && !marked.isCollapsed && part.contains(marked.anchorNode);
}

function put(part, html) {
  const open = new Set([...part.querySelectorAll("details[open][id]")].map((one) => one.id));
  const focus = part.contains(document.activeElement) ? document.activeElement : null;
  const mark = focus && (focus.id ? "#" + CSS.escape(focus.id) : focus.getAttribute("href") && `a[href="${CSS.escape(focus.getAttribute("href"))}"]`);
  const end = part.querySelector("[data-follow]");
  const followed = end && end.scrollTop + end.clientHeight >= end.scrollHeight - 24;
  const scrolled = end ? end.scrollTop : 0;
  part.innerHTML = html;
  for (const one of part.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = true;
  if (mark) part.querySelector(mark)?.focus({ preventScroll: true });
  const anew = part.querySelector("[data-follow]");
  if (anew) anew.scrollTop = !end || followed ? anew.scrollHeight : scrolled;
}

const waiting = new Map();

function show(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  if (isInUse(part)) waiting.set(id, html);
  else {
    waiting.delete(id);
    put(part, html);
  }
}

let events = null;

function watch() {
  if (events || document.hidden) return;
  events = new EventSource(location.href);
  events.addEventListener("hello", (event) => {
    // Another process answers than the one that made this page: its forms would be refused.
    const made = document.documentElement.dataset.instance;
    if (made && event.data !== made && !document.querySelector("form[data-touched]")) location.reload();
    say("live", true);
  });
  events.addEventListener("parts", (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) show(id, html);
  });
  events.addEventListener("gone", (event) => {
    events.close();
    say("no longer there: " + event.data, false);
  });
  events.onerror = () => say(events.readyState === EventSource.CLOSED ? "not live" : "connecting again…", false);
}

// A browser gives a host few connections: pages that nobody sees leave theirs to others.
function rest() {
  events?.close();
  events = null;
  say("not live", false);
}

// What sliders stand at, before it is asked for.
function weigh(form) {
  const sliders = [...form.querySelectorAll("input[type=range]")];
  const whole = sliders.reduce((sum, slider) => sum + Number(slider.value), 0);
  for (const slider of sliders) {
    const share = whole ? Math.round((Number(slider.value) / whole) * 1000) / 10 + "\u202f%" : "–";
    form.querySelector(`output[for="${slider.id}"]`).value = slider.value;
    form.querySelector(`[data-share="${slider.id}"]`).textContent = share;
  }
  const ratio = form.querySelector("[data-ratio]");
  if (ratio) ratio.textContent = sliders.map((slider) => slider.value).join(" : ");
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form) return;
  form.dataset.touched = "";
  if (form.hasAttribute("data-weights")) weigh(form);
});

document.addEventListener("selectionchange", () => {
  for (const [id, html] of [...waiting]) show(id, html);
});

for (const end of document.querySelectorAll("[data-follow]")) end.scrollTop = end.scrollHeight;
if (badge) {
  watch();
  addEventListener("pagehide", rest);
  addEventListener("pageshow", watch);
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : watch()));
}
