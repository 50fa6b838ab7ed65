// What every page does beyond what the server has written: local times, live health, keys, links that open in place.

import { openPalette } from "./palette.js";

/** The name of the reader's time zone, such as CET or GMT+1. */
const ZONE = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts().find(({ type }) => type === "timeZoneName").value;

/** Times in the reader's time zone; the title keeps UTC. */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const clock = time.querySelector("[data-time]");
    if (!clock || Number.isNaN(moment.valueOf())) continue;
    const two = (number) => String(number).padStart(2, "0");
    clock.textContent = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":");
    const day = time.querySelector("[data-date]");
    time.toggleAttribute("data-today", moment.toDateString() === new Date().toDateString());
    if (day) day.textContent = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
    time.title = `${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;
  }
  for (const each of root.querySelectorAll("[data-zone]")) each.textContent = ZONE;
}

/** What turns the direction of text around, or moves a cursor, is shown and not obeyed. */
export function harmless(text) {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, "\ufffd");
}

/** What the server says at the top of each page now. */
export async function showAlarms() {
  const page = await fetchPage("/setup").catch(() => null);
  const alarms = page?.getElementById("alarms");
  if (!alarms) return;
  localise(alarms);
  document.getElementById("alarms").replaceChildren(...alarms.childNodes);
}

/** The HTML at an address of this desk, as a document. Rejects with what the page says of an error. */
export async function fetchPage(address) {
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) throw new Error(page.querySelector("main p")?.textContent ?? `HTTP status ${answer.status}`);
  return page;
}

/** A change at this desk: with the token that its pages carry. Rejects with what the API says of an error. */
export async function change(method, address, value) {
  const token = document.querySelector('meta[name="gemtap-token"]').content;
  const answer = await fetch(address, {
    method,
    headers: { "content-type": "application/json", "x-gemtap-token": token },
    body: JSON.stringify(value),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}

/** Milliseconds without a byte of the event stream after which Gemtap counts as gone. It sends something every 3 s. */
const SILENCE = 10000;

/** Listen to what happens, while the page is seen: a browser has few connections to one server, and pages are many. */
export function listen(handlers, onAgain = () => {}) {
  let source = null;
  let times = 0;
  let heard = 0;
  const hear = () => {
    heard = Date.now();
    showConnected(true);
  };
  const stop = () => {
    source?.close();
    source = null;
  };
  const follow = () => {
    if (document.hidden) {
      stop();
    } else if (source === null) {
      heard = Date.now();
      source = new EventSource("/api/live");
      for (const [name, handle] of Object.entries(handlers)) {
        source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
      }
      source.addEventListener("warning", async ({ data }) => (await import("./warnings.js")).warn(JSON.parse(data)));
      for (const name of [...Object.keys(handlers), "alive"]) source.addEventListener(name, hear);
      source.addEventListener("open", () => {
        hear();
        if (times++ > 0) onAgain();
      });
      source.addEventListener("error", () => showConnected(false));
    }
  };
  // Browsers try again by themselves where the server is gone, but give up on an error page of a proxy, and wait for
  // ever on a connection that nobody has closed.
  setInterval(() => {
    if (source === null) return;
    const silent = Date.now() - heard > SILENCE;
    if (silent) showConnected(false);
    if (silent || source.readyState === EventSource.CLOSED) {
      stop();
      follow();
    }
  }, 2000);
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", stop);
  follow();
}

let health = null;

/** Show at the top whether the page still hears of Gemtap, and if it does, whether everything is recorded. */
function showConnected(connected) {
  const light = document.getElementById("recording");
  if (!light) return;
  health ??= { className: light.className, text: light.textContent };
  light.className = connected ? health.className : "light bad";
  light.textContent = connected ? health.text : "disconnected";
  light.title = connected ? "" : "Gemtap does not answer. The page updates itself when it is back.";
}

/** Show at the top whether everything is recorded. The words of an alarm are the server's. */
export async function showHealth({ status }) {
  const light = document.getElementById("recording");
  const ok = status === "ok";
  const changed = light && ok !== light.classList.contains("good");
  if (!changed) return;
  health = { className: `light ${ok ? "good" : "bad"}`, text: ok ? "recording" : "not recording" };
  showConnected(true);
  await showAlarms();
}

/** Have links that match open by `open`, unless they are to open in a new tab. What it rejects with is said. */
export function onPlainClick(root, selector, open) {
  root.addEventListener("click", async (event) => {
    const link = event.target.closest?.(selector);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    try {
      await open(link);
    } catch (error) {
      link.removeAttribute("aria-busy");
      link.textContent = error.message;
    }
  });
}

function openInPlace() {
  onPlainClick(document, "a.lazy", async (link) => {
    const page = await fetchPage(link.href);
    const fragment = document.createRange().createContextualFragment("");
    fragment.append(...page.querySelector("[data-fragment]").childNodes);
    localise(fragment);
    const place = link.closest("p") ?? link;
    // What stands before the link is its beginning, which the whole replaces.
    if (link.classList.contains("whole")) place.previousElementSibling?.remove();
    place.replaceWith(fragment);
  });
}

function moveWithKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const links = [...document.querySelectorAll("tbody .open, .flight .open")];
    const at = links.indexOf(document.activeElement);
    switch (event.key) {
      case "j":
        links[Math.min(at + 1, links.length - 1)]?.focus();
        break;
      case "k":
        links[Math.max(at - 1, 0)]?.focus();
        break;
      case "/":
        document.querySelector("input[type=search]")?.focus();
        event.preventDefault();
        break;
      case "[":
      case "]":
        document.querySelector(`a[rel=${event.key === "[" ? "prev" : "next"}]`)?.click();
        break;
    }
  });
}

function offerCopies() {
  for (const snippet of document.querySelectorAll("pre.snippet, .snippet pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(snippet.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    snippet.before(button);
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}
const collapse = document.querySelector("[data-collapse]");
if (collapse) {
  const folds = () => [...document.querySelectorAll(".message details")];
  collapse.hidden = false;
  collapse.addEventListener("click", () => {
    const open = folds().some((fold) => fold.open);
    for (const fold of folds()) fold.open = !open;
    collapse.textContent = open ? "Expand all" : "Collapse all";
  });
}
const THEMES = ["", "light", "dark"];

function offerTheme(button) {
  const name = () => localStorage.getItem("theme") ?? "";
  const say = () => (button.textContent = `Theme: ${name() || "system"}`);
  button.hidden = false;
  say();
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(name()) + 1) % THEMES.length];
    if (next) localStorage.setItem("theme", next);
    else localStorage.removeItem("theme");
    document.documentElement.style.colorScheme = next;
    dispatchEvent(new Event("theme"));
    say();
  });
}

function offerPalette(button) {
  // Not loaded on demand: what is typed right after Ctrl-K must not be lost.
  const open = () => {
    if (!document.querySelector("dialog[open]")) openPalette();
  };
  button.hidden = false;
  button.addEventListener("click", open);
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open();
  });
}

for (const input of document.querySelectorAll("form.search input[type=search]")) {
  // Said before the field has the focus. The rest is loaded when it is needed: most pages are left without a search.
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"]]) input.setAttribute(name, value);
  input.addEventListener("focus", async () => (await import("./suggest.js")).suggestIn(input), { once: true });
}
offerTheme(document.getElementById("theme"));
offerPalette(document.getElementById("palette"));
localise(document);
openInPlace();
moveWithKeys();
offerCopies();
if (!document.querySelector("[data-live], [data-flying], #first-request")) listen({ health: showHealth });
