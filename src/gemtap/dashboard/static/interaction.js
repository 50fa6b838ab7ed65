// One interaction: its bodies as trees that are built when they are opened, what people add to it, growth in flight.
import { change, fetchPage, harmless, listen, localise, showHealth } from "./page.js";

const BATCH = 200; // members of an object or array that are shown at a time
const FOUND = 100; // hits of a search that are shown

/** A node of the tree: what is inside of it is made when it is opened. */
function nodeOf(name, value) {
  const item = document.createElement("li");
  const label = name === null ? "" : `${name}: `;
  if (value === null || typeof value !== "object") {
    const shown = document.createElement("span");
    shown.className = typeof value === "string" ? "text" : "word";
    shown.textContent = typeof value === "string" ? harmless(value.slice(0, 20000)) : JSON.stringify(value);
    item.append(harmless(label), shown);
    return item;
  }
  const names = Object.keys(value);
  const fold = document.createElement("details");
  const head = document.createElement("summary");
  head.textContent = `${harmless(label)}${Array.isArray(value) ? `[${names.length}]` : `{${harmless(names.slice(0, 6).join(", ")).slice(0, 80)}}`}`;
  fold.append(head);
  fold.addEventListener("toggle", () => fold.querySelector("ul") ?? fold.append(listOf(value, names)), { once: true });
  item.append(fold);
  return item;
}

function listOf(value, names) {
  const list = document.createElement("ul");
  const more = (from) => {
    list.append(...names.slice(from, from + BATCH).map((name) => nodeOf(name, value[name])));
    if (from + BATCH >= names.length) return;
    const button = document.createElement("button");
    button.textContent = `${names.length - from - BATCH} more`;
    button.addEventListener("click", () => {
      button.remove();
      more(from + BATCH);
    });
    list.append(button);
  };
  more(0);
  return list;
}

function* find(value, word, path = "") {
  for (const [name, inner] of Object.entries(value ?? {})) {
    const here = `${path}/${name}`;
    if (inner !== null && typeof inner === "object") {
      if (name.toLowerCase().includes(word)) yield [here, inner];
      yield* find(inner, word, here);
    } else if (`${name}\n${inner}`.toLowerCase().includes(word)) yield [here, inner];
  }
}

async function growTree(fold) {
  fold.querySelector("p").remove();
  const { tree: id, side } = fold.dataset;
  const answer = await fetch(`/api/interactions/${id}`);
  const body = (await answer.json())[side]?.body;
  const tools = document.createElement("div");
  tools.className = "tree-tools";
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "Search names and values";
  search.setAttribute("aria-label", `Search the ${side}`);
  const copy = document.createElement("button");
  copy.textContent = "Copy";
  copy.addEventListener("click", () => navigator.clipboard.writeText(typeof body === "string" ? body : JSON.stringify(body, null, 2)));
  tools.append(search, copy);
  const root = document.createElement("ul");
  const whole = () => root.replaceChildren(...(body !== null && typeof body === "object" ? Object.keys(body).map((name) => nodeOf(name, body[name])) : [nodeOf(null, body)]));
  search.addEventListener("input", () => {
    const word = search.value.trim().toLowerCase();
    if (!word) return whole();
    const hits = [];
    for (const [path, value] of find(body, word)) {
      hits.push(nodeOf(path, value));
      if (hits.length === FOUND) break;
    }
    root.replaceChildren(...hits);
    if (!hits.length) root.textContent = "No match.";
  });
  whole();
  fold.append(tools, root);
}

for (const fold of document.querySelectorAll("details.tree")) {
  growTree(fold);
}

function annotate(section) {
  const form = section.querySelector("form");
  const status = form.querySelector("[role=status]");
  const press = (rating) => {
    for (const button of form.querySelectorAll(".rating button")) button.setAttribute("aria-pressed", String(button.value === rating));
  };
  const save = async (value) => {
    try {
      const kept = await change("PATCH", `/api/interactions/${section.dataset.interaction}`, value);
      section.dataset.rating = kept.rating ?? "";
      press(section.dataset.rating);
      form.elements.tags.value = kept.tags.join(", ");
      status.textContent = "Saved";
    } catch (error) {
      status.textContent = error.message;
    }
  };
  section.querySelector("[data-read]").hidden = true;
  form.hidden = false;
  press(section.dataset.rating);
  form.querySelector(".rating").addEventListener("click", (event) => {
    const { value } = event.target;
    if (value) save({ rating: value === section.dataset.rating ? "" : value });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const tags = form.elements.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    save({ tags, note: form.elements.note.value });
  });
}

/** The dialog that shows what a replay sends, loses and costs, sends it, and leads to both responses side by side. */
function offerReplay(button) {
  const dialog = document.getElementById("replay");
  const form = dialog.querySelector("form");
  const status = form.querySelector("[role=status]");
  const send = form.querySelector("[value=send]");
  const address = `/api/interactions/${button.dataset.replay}/replay`;
  const { model, provider } = form.elements;
  const known = form.querySelector("datalist");
  const elsewhere = () => (provider && provider.value !== form.dataset.provider ? provider.value : null);
  let asked = 0; // answers to earlier questions come too late

  const showCost = (usd) => {
    form.querySelector("[data-estimate]").textContent = usd === null || usd === undefined ? "The cost is unknown for this model." : `Costs about $${Number(usd.toPrecision(2))} with as many tokens as the recorded request.`;
  };
  const showModels = async () => {
    const chosen = elsewhere();
    const { models } = await (await fetch(`${address}/models${chosen ? `?provider=${encodeURIComponent(chosen)}` : ""}`)).json();
    if (chosen !== elsewhere()) return;
    known.replaceChildren(...models.map((name) => Object.assign(document.createElement("option"), { value: name })));
    if (chosen && !model.value) model.value = models[0] ?? "";
  };
  /** What the chosen provider cannot be asked, and about what it costs. Nothing is sent before that is shown. */
  const show = async () => {
    const chosen = elsewhere();
    const number = ++asked;
    const lost = form.querySelector("[data-lost]");
    status.textContent = "";
    if (!chosen) {
      lost.hidden = true;
      send.disabled = false;
      const { usd } = await (await fetch(`${address}?model=${encodeURIComponent(model.value)}`)).json();
      if (number === asked) showCost(usd);
      return;
    }
    send.disabled = true;
    let told = [];
    let head = "Enter a model of this provider.";
    if (model.value.trim()) {
      const answer = await fetch(`${address}/lost?provider=${encodeURIComponent(chosen)}&model=${encodeURIComponent(model.value.trim())}`);
      const found = await answer.json();
      if (number !== asked) return;
      send.disabled = !answer.ok;
      head = answer.ok ? (found.lost.length ? "Its request cannot hold all of this one. Left out:" : "Its request holds all of this one.") : found.detail;
      told = found.lost ?? [];
      if (answer.ok) showCost(found.usd);
    }
    lost.querySelector("p").textContent = head;
    lost.querySelector("ul").replaceChildren(...told.map((text) => Object.assign(document.createElement("li"), { textContent: harmless(text) })));
    lost.hidden = false;
  };

  button.hidden = false;
  button.addEventListener("click", async () => {
    status.textContent = "";
    dialog.showModal();
    if (known.children.length) return;
    await showModels();
    if (elsewhere()) show();
  });
  provider?.addEventListener("change", async () => {
    send.disabled = true;
    asked += 1;
    for (const label of form.querySelectorAll("[data-own]")) label.hidden = elsewhere() !== null;
    model.value = elsewhere() ? "" : model.defaultValue;
    await showModels();
    show();
  });
  model.addEventListener("input", () => {
    if (elsewhere()) send.disabled = true;
  });
  model.addEventListener("change", show);
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "send") return;
    event.preventDefault();
    send.disabled = true;
    status.textContent = "Sending…";
    const chosen = elsewhere();
    const name = model.value.trim();
    const values = {};
    for (const field of chosen ? [] : form.querySelectorAll("[data-setting]")) {
      if (field.value !== field.dataset.was) values[form.dataset.settings + field.dataset.setting] = parsed(field.value);
    }
    try {
      const { id } = await change("POST", address, { ...(name && (chosen || name !== model.defaultValue) ? { model: name } : {}), ...(chosen ? { provider: chosen } : {}), values });
      status.textContent = "Waiting for the response…";
      while (!(await (await fetch(`/api/interactions/${id}/state`)).json()).recorded) await new Promise((wake) => setTimeout(wake, 400));
      location.assign(`/interactions/${id}/compare`);
    } catch (error) {
      status.textContent = error.message;
      send.disabled = false;
    }
  });
}

/** JSON where it is JSON, else text. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const again = document.querySelector("[data-replay]");
if (again) offerReplay(again);

const yours = document.getElementById("yours");
if (yours) annotate(yours);

const flying = document.querySelector("[data-flying]")?.dataset.flying;
if (flying) {
  let busy = false;
  const grow = async ({ items }) => {
    if (busy || !items.some((item) => item.id === flying)) return;
    busy = true;
    const page = await fetchPage(location.pathname).catch(() => null);
    const conversation = page?.getElementById("conversation");
    if (conversation) {
      localise(conversation);
      const atEnd = innerHeight + scrollY > document.body.scrollHeight - 80;
      document.getElementById("conversation").replaceWith(conversation);
      if (atEnd) scrollTo(0, document.body.scrollHeight);
    }
    busy = false;
  };
  listen({ inflight: grow, interaction: ({ id }) => id === flying && location.reload(), health: showHealth });
}
