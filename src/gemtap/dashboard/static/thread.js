// A thread: turns are loaded when they come into view, new ones arrive by themselves, and charts lead to their turns.
import { fetchPage, listen, localise, onPlainClick, showHealth } from "./page.js";

const SOON = "600px"; // below the window: loaded before it is seen

const thread = document.querySelector(".thread");

const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      target.click();
    }
  },
  { rootMargin: SOON },
);

function watch(root) {
  for (const link of root.querySelectorAll("a.seen")) seen.observe(link);
}

/** Put a group of turns, and its part of the outline, in the place of what is there of it. */
async function showGroup(address) {
  const page = await fetchPage(address);
  localise(page);
  const group = page.querySelector(".group");
  const shown = document.getElementById(group.id);
  const isNew = (turn) => !document.getElementById(turn.id);
  if (!shown || shown.classList.contains("later")) shown?.replaceWith(group);
  else shown.append(...[...group.children].filter(isNew));
  const outline = page.querySelector(".outline-list");
  document.getElementById(outline.id)?.replaceWith(outline);
  watch(thread);
}

const addressOf = (id) => `${location.pathname}/turns?at=${id}`;

onPlainClick(thread, ".later a.seen", (link) => showGroup(link.href));

/** The turn of the address, which stays where it is while turns around it are loaded, until the reader moves. */
let wanted = null;

/** Show the turn of the address, which may be in a group that is not loaded yet. */
async function showTurn() {
  const id = location.hash.match(/^#turn-([0-9a-f]{24})$/)?.[1];
  if (!id) return;
  const find = () => document.querySelector(`.group:not(.later) #turn-${id}`);
  if (!find()) {
    await showGroup(addressOf(id)).catch(() => {});
    // The browser looked for the target of the address before the turn was there. A navigation has it look again.
    if (find()) location.replace(location.href);
  }
  wanted = find();
}

new ResizeObserver(() => wanted?.scrollIntoView()).observe(thread);
for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
  addEventListener(name, () => (wanted = null), { passive: true });
}

async function refresh() {
  const page = await fetchPage(location.pathname).catch(() => null);
  if (!page) return;
  localise(page);
  document.getElementById("sums").replaceWith(page.getElementById("sums"));
  for (const group of page.querySelectorAll(".group")) {
    const shown = document.getElementById(group.id);
    if (!shown) {
      thread.append(group);
      const outline = page.getElementById(group.id.replace("group", "outline"));
      if (outline) document.querySelector(".outline-list:last-of-type")?.after(outline);
    } else if (shown.classList.contains("later")) {
      shown.replaceWith(group);
    } else if (shown.children.length < group.dataset.turns) {
      await showGroup(addressOf(group.id.slice("group-".length))).catch(() => {});
    }
  }
  const outline = page.querySelector("nav.outline");
  if (outline && !document.querySelector("nav.outline")) thread.before(outline);
  watch(thread);
}

/** The column below the pointer: its turn and value are said above the chart, and a click leads to the turn. */
function columnAt(event) {
  const svg = event.target.closest?.(".chart svg");
  if (!svg) return null;
  const { columns, slots } = svg.closest(".charts").dataset;
  const { left, width } = svg.getBoundingClientRect();
  const place = Math.floor(((event.clientX - left) / width) * Number(slots));
  const column = JSON.parse(columns)[place];
  return column ? { place, id: column[0], name: column[1] } : null;
}

document.addEventListener("pointermove", (event) => {
  for (const place of document.querySelectorAll(".chart .place")) place.setAttribute("hidden", "");
  const column = columnAt(event);
  for (const figure of document.querySelectorAll("#sums .chart")) {
    const said = figure.querySelector("output");
    said.dataset.top ??= said.textContent;
    const told = column && JSON.parse(figure.dataset.told)[column.place];
    said.textContent = told === null ? said.dataset.top : `${column.name}: ${told}`;
    if (!column) continue;
    const place = figure.querySelector(".place");
    place.setAttribute("x", column.place * place.width.baseVal.value);
    place.removeAttribute("hidden");
  }
});

document.addEventListener("click", (event) => {
  const column = columnAt(event);
  if (column) location.hash = `turn-${column.id}`;
});

// Groups have about the height that they will have, else all of them would be seen at once.
thread.classList.add("loads");
addEventListener("hashchange", showTurn);
watch(document);
showTurn();
listen({ interaction: (item) => item.thread?.id === thread.dataset.thread && refresh(), health: showHealth }, refresh);
