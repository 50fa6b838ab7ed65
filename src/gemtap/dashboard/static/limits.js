// Limits: set and removed in place, and read anew every few seconds.
import { change, fetchPage, localise } from "./page.js";
import { canNotify, offerNotifications } from "./warnings.js";

const EVERY = 3000; // milliseconds between two looks at what is used

const place = document.getElementById("limits");
const fault = document.getElementById("fault");
const form = document.getElementById("set-limit");

async function refresh() {
  const page = await fetchPage("/limits");
  const focused = document.activeElement?.dataset?.unset;
  localise(page);
  place.replaceChildren(...page.getElementById("limits").childNodes);
  offerRemoval();
  if (focused) place.querySelector(`[data-unset="${focused}"]`)?.focus();
}

async function attempt(work) {
  fault.hidden = true;
  try {
    await work();
    await refresh();
    return true;
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
    return false;
  }
}

function offerRemoval() {
  for (const button of place.querySelectorAll("[data-unset]")) {
    button.hidden = false;
    button.addEventListener("click", () => attempt(() => change("POST", "/api/limits/unset", { id: Number(button.dataset.unset) })));
  }
}

if (form) {
  const { measure, limit, subject } = form.elements;
  form.hidden = false;
  measure.addEventListener("change", () => (limit.placeholder = measure.selectedOptions[0].dataset.example));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const value = { subject: subject.value.trim(), measure: measure.value, limit: limit.value.trim() };
    if (await attempt(() => change("POST", "/api/limits/set", value))) limit.value = "";
  });
}
offerRemoval();
if (canNotify()) offerNotifications(document.getElementById("notify"));
setInterval(() => {
  if (!document.hidden) refresh().catch(() => {}); // the light at the top tells
}, EVERY);
