// A list as it grows: rows come from the server, so that filters hold and there is one way to write a row.
import { fetchPage, harmless, listen, localise, showHealth } from "./page.js";

const list = document.getElementById("list");
const flights = document.getElementById("flights");
const EVERY = 400; // milliseconds between two looks at the list, however much is recorded

let due = false;
let busy = false;

async function refresh() {
  due = true;
  if (busy) return;
  busy = true;
  while (due) {
    due = false;
    try {
      show(await fetchPage(`${list.dataset.rows}${location.search}`));
    } catch {
      // The health light tells; the next event tries again.
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  busy = false;
}

function show(page) {
  const known = new Set([...list.querySelectorAll("tbody tr")].map((row) => row.id));
  const focused = document.activeElement?.closest?.("tr")?.id;
  const top = [...list.querySelectorAll("tbody tr")].find((row) => row.getBoundingClientRect().top > 60);
  const before = top?.getBoundingClientRect().top;
  localise(page);
  for (const row of page.querySelectorAll("tbody tr")) {
    if (!known.has(row.id)) row.classList.add("arrived");
    document.getElementById(row.id.replace("row-", "flight-"))?.remove();
  }
  list.replaceChildren(...page.body.childNodes);
  if (focused) document.getElementById(focused)?.querySelector(".open")?.focus({ preventScroll: true });
  // Whoever reads further down goes on reading.
  if (top && scrollY > 100) {
    const again = document.getElementById(top.id);
    if (again) scrollBy(0, again.getBoundingClientRect().top - before);
  }
  countFlights();
  showWords();
}

let flying = "";

function showFlights({ items }) {
  // The state of a thread is live while one of its exchanges is in flight.
  const now = items.map((item) => item.id).join();
  if (now !== flying && list.dataset.rows.startsWith("/threads")) refresh();
  flying = now;
  const rows = flights.querySelector("ul");
  const here = new Set(items.map((item) => `flight-${item.id}`));
  for (const item of items) fill(document.getElementById(`flight-${item.id}`) ?? begin(rows, item), item);
  for (const row of [...rows.children]) {
    if (here.has(row.id) || row.dataset.over) continue;
    // It is on its way to the store; its row takes its place.
    row.dataset.over = "yes";
    setTimeout(() => {
      row.remove();
      countFlights();
    }, 3000);
  }
  countFlights();
}

function begin(list, item) {
  const row = flights.querySelector("template").content.firstElementChild.cloneNode(true);
  row.id = `flight-${item.id}`;
  list.prepend(row);
  return row;
}

function fill(row, item) {
  const say = (name, text) => (row.querySelector(`[data-${name}]`).textContent = text ?? "");
  row.querySelector(".open").href = `/interactions/${item.id}`;
  say("model", item.model ?? item.operation);
  say("client", item.client);
  say("prompt", item.prompt);
  say("text", harmless(item.text));
  row.querySelector("[data-clock]").dataset.clock = item.timestamp;
}

function countFlights() {
  const number = flights.querySelector("ul").children.length;
  flights.querySelector("[data-count]").textContent = number;
  flights.hidden = number === 0;
}

setInterval(() => {
  for (const clock of flights?.querySelectorAll("[data-clock]") ?? []) {
    if (clock.dataset.clock) clock.textContent = `${Math.max(0, Math.round((Date.now() - new Date(clock.dataset.clock)) / 1000))} s`;
  }
}, 1000);

/** Loaded when it is needed. */
const tools = () => import("./list_tools.js");

async function showWords() {
  const query = new URLSearchParams(location.search).get("q");
  if (query && list.querySelector("[data-words]")) (await tools()).showFound(list, query);
}

showWords();
const columns = document.getElementById("columns");
if (columns) columns.hidden = false;
columns?.addEventListener("change", async () => (await tools()).keepColumns(columns));
const saved = document.getElementById("saved");
saved.addEventListener("toggle", async () => (await tools()).offerSaving(saved), { once: true });
if (list.dataset.live !== undefined) {
  listen({ interaction: refresh, inflight: showFlights, health: showHealth }, refresh);
}
