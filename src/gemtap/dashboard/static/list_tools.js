// What a list offers beyond links: hidden columns, saved searches, and where searched words stand.
import { change } from "./page.js";

/** Show and hide columns at once, and remember it in a cookie, by which the server writes the next page. */
export function keepColumns(choice) {
  const boxes = [...choice.querySelectorAll("input")];
  const hidden = boxes.filter((box) => !box.checked).map((box) => box.value);
  document.cookie = `gemtap-hidden-${choice.dataset.table}=${hidden.join(".")}; path=/; max-age=31536000; samesite=lax`;
  const table = document.querySelector("table.list");
  for (const { value, checked } of boxes) table?.classList.toggle(`hide-${value}`, !checked);
}

/** Save, rename and delete searches. */
export function offerSaving(section) {
  const list = section.querySelector("ul");
  const fault = section.querySelector("[role=alert]");
  const form = section.querySelector("form");
  const path = location.pathname === "/interactions" ? "/interactions" : "/threads";
  const attempt = async (work) => {
    fault.hidden = true;
    try {
      show((await work()).items);
      return true;
    } catch (error) {
      fault.textContent = error.message;
      fault.hidden = false;
      return false;
    }
  };
  const button = (name, label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = name;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  };
  const withButtons = (item) => {
    const name = item.dataset.name;
    const rename = () => {
      const input = Object.assign(document.createElement("input"), { value: name, maxLength: 80 });
      input.setAttribute("aria-label", `New name of ${name}`);
      const done = () => attempt(() => change("PATCH", "/api/searches", { name, new_name: input.value }));
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") done();
        else if (event.key === "Escape") item.replaceWith(row(name, query));
      });
      const query = item.querySelector("a").title;
      item.replaceChildren(input, " ", button("Save", `Save the new name of ${name}`, done));
      input.select();
    };
    const remove = () => attempt(() => change("DELETE", `/api/searches?${new URLSearchParams({ name })}`));
    item.append(" ", button("Rename", `Rename ${name}`, rename), " ", button("Delete", `Delete ${name}`, remove));
    return item;
  };
  const row = (name, query) => {
    const item = document.createElement("li");
    item.dataset.name = name;
    const href = `${path}?${new URLSearchParams({ q: query })}`;
    item.append(Object.assign(document.createElement("a"), { href, title: query, textContent: name }));
    return withButtons(item);
  };
  const show = (items) => {
    if (items.length) list.replaceChildren(...items.map(({ name, query }) => row(name, query)));
    else list.replaceChildren(Object.assign(document.createElement("li"), { className: "quiet", textContent: "No search is saved yet." }));
  };
  for (const item of list.querySelectorAll("[data-name]")) withButtons(item);
  if (!form) return;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const value = { name: form.elements.name.value, query: section.dataset.query };
    if (await attempt(() => change("POST", "/api/searches", value))) form.reset();
  });
}

const AT_ONCE = 3;

/** Excerpts by row, since a growing list is written anew. */
const known = new Map();

/** Show excerpts with the searched words in each row that comes into view. */
export function showFound(list, query) {
  const waiting = [];
  let busy = 0;
  const next = async () => {
    if (busy >= AT_ONCE || !waiting.length) return;
    busy += 1;
    const row = waiting.shift();
    try {
      const answer = await fetch(`/api/interactions/${row.id.replace("row-", "")}/found?${new URLSearchParams({ q: query })}`);
      if (answer.ok) {
        known.set(row.id, (await answer.json()).items);
        fill(row, known.get(row.id));
      }
    } catch {
      // The row stays as it is.
    }
    busy -= 1;
    next();
  };
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      waiting.push(target);
      next();
    }
  });
  for (const row of list.querySelectorAll("[data-words] tbody tr")) {
    if (known.has(row.id)) fill(row, known.get(row.id));
    else seen.observe(row);
  }
}

function fill(row, items) {
  for (const { kind, pieces } of items) {
    const line = Object.assign(document.createElement("span"), { className: "found" });
    line.append(Object.assign(document.createElement("b"), { textContent: `${kind}: ` }));
    for (const [text, isMatch] of pieces) {
      line.append(isMatch ? Object.assign(document.createElement("mark"), { textContent: text }) : text);
    }
    row.querySelector(".c-text").append(line);
  }
}
