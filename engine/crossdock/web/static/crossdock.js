// Keys, scanner, selection and live progress. Every page works without it.
"use strict";

const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, select";
const SCANNER_MS = 60; // between two keys: a person needs longer, a scanner doesn't
const AGAIN_MS = 2000; // after which a form can be sent once more
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function rows() {
  return all("tr[data-order]");
}

function go(step) {
  const found = rows();
  if (!found.length) return;
  const at = found.indexOf(document.activeElement?.closest("tr[data-order]"));
  const next = found[Math.max(0, Math.min(found.length - 1, at + step))];
  one("a", next).focus();
}

function tick() {
  const box = one("input[type=checkbox]", document.activeElement?.closest("tr[data-order]") ?? document.createElement("tr"));
  if (box) box.click();
}

function press(key) {
  if (key === "j") return go(1);
  if (key === "k") return go(-1);
  if (key === "x") return tick();
  const found = one(`[aria-keyshortcuts="${CSS.escape(key)}"]`, one("dialog[open]") ?? document);
  if (!found?.matches(TYPED)) return found?.click();
  found.focus();
  found.select?.();
}

// A scanner types a whole code within a blink and ends it with Enter; a person's key stands alone.
let scanned = "";
let last = 0;
let waiting = 0;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches?.(TYPED)) event.target.blur();
  clearTimeout(waiting);
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.(TYPED)) return;
  const now = event.timeStamp;
  if (event.key === "Enter") {
    const code = scanned;
    scanned = "";
    const find = one("#find");
    if (find && code.length > 2 && now - last < SCANNER_MS) {
      event.preventDefault();
      find.value = code;
      find.form.requestSubmit();
    }
    return;
  }
  if (event.key.length !== 1) return;
  if (event.repeat) return press(event.key); // a key that is held down: no scanner does that
  scanned = now - last < SCANNER_MS ? scanned + event.key : event.key;
  last = now;
  if (scanned.length > 1) return event.preventDefault();
  if (event.key === "/") event.preventDefault();
  waiting = setTimeout(() => scanned.length === 1 && press(event.key), SCANNER_MS);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) one(`#${opener.dataset.dialog}`).showModal();
});

// A scanner ends each number with Enter: among many fields that leads to the next one, and sends nothing yet.
// Only the one number of one order (data-next) is sent by it.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("[data-steps]")) return;
  event.preventDefault();
  const form = event.target.form;
  const fields = all("[data-steps], [data-next]", form);
  (fields[fields.indexOf(event.target) + 1] ?? one("button:not([type=button])", form)).focus();
});

// Selecting: what is selected is counted, and actions say on how many orders they act.
function count() {
  const chosen = all("input[name=order]:checked").length;
  all("[data-chosen]").forEach((found) => (found.textContent = chosen ? String(chosen) : found.dataset.chosen));
  const whole = one("#all");
  if (whole) whole.checked = chosen > 0 && chosen === all("input[name=order]").length;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "all") all("input[name=order]").forEach((box) => (box.checked = event.target.checked));
  count();
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// A form that is under way isn't sent again by a second click; the server would know it, too.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || form.dataset.many !== undefined) return;
  if (form.ariaBusy === "true") return event.preventDefault();
  form.ariaBusy = "true";
  setTimeout(() => (form.ariaBusy = "false"), AGAIN_MS); // a download or another tab leaves this page as it is
});
window.addEventListener("pageshow", () => all("form[aria-busy=true]").forEach((form) => (form.ariaBusy = "false")));

// Only what is looked at is told anew: a browser has few connections, and many tabs would take them all.
function watch(place) {
  let stream;
  let isOver = false;
  let shown = "";
  let latest = "";
  const show = (event) => {
    latest = event.data;
    // What somebody is about to change there isn't taken away; it's renewed when the box is shut.
    if (latest === shown || one("details[open]", place)) return;
    shown = latest;
    place.innerHTML = latest;
    all("template[data-into]", place).forEach((part) => one(`#${part.dataset.into}`)?.replaceChildren(part.content));
  };
  place.addEventListener("toggle", () => latest && show({ data: latest }), true);
  const open = () => {
    stream = new EventSource(place.dataset.events);
    stream.addEventListener("message", show);
    stream.addEventListener("error", () => {
      if (!one(".lost", place)) place.prepend(one("#lost").content.cloneNode(true));
    });
    stream.addEventListener("over", (event) => {
      isOver = true;
      stream.close();
      show(event);
      one("[data-focus]", place)?.focus();
    });
  };
  document.addEventListener("visibilitychange", () => {
    stream?.close();
    if (!isOver && !document.hidden) open();
  });
  if (!document.hidden) open();
}

all("[data-events]").forEach(watch);
count();
