// Access keys: made, replaced and revoked in place. A new key is shown once.
import { change, fetchPage, localise } from "./page.js";

const SURE = 5000; // milliseconds in which a second click confirms the first

const place = document.getElementById("keys");
const fault = document.getElementById("fault");
const form = document.getElementById("make-key");

function show(name, key) {
  const box = document.getElementById("new-key");
  box.querySelector("[data-name]").textContent = name;
  document.getElementById("the-key").textContent = key;
  box.hidden = false;
}

async function refresh() {
  // Whoever has replaced their own key is signed out, and gets another page.
  const page = await fetchPage("/access").catch(() => null);
  const keys = page?.getElementById("keys");
  if (!keys) return;
  localise(keys);
  place.replaceChildren(...keys.childNodes);
  offerChanges();
}

async function attempt(path, value) {
  fault.hidden = true;
  try {
    const { key } = await change("POST", `/api/keys/${path}`, value);
    await refresh();
    if (key) show(value.name, key);
    return true;
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
    return false;
  }
}

/** A button that does something on its second click, and says so on its first. */
function confirmed(button, act) {
  const [title, label] = [button.textContent, button.getAttribute("aria-label")];
  let sure = null;
  button.hidden = false;
  button.addEventListener("click", () => {
    if (sure !== null) {
      act();
      return;
    }
    button.textContent = button.dataset.sure;
    button.setAttribute("aria-label", `${button.dataset.sure} Click again.`);
    sure = setTimeout(() => {
      sure = null;
      button.textContent = title;
      button.setAttribute("aria-label", label);
    }, SURE);
  });
}

function offerChanges() {
  for (const button of place.querySelectorAll("[data-rotate]")) confirmed(button, () => attempt("rotate", { name: button.dataset.rotate }));
  for (const button of place.querySelectorAll("[data-revoke]")) confirmed(button, () => attempt("revoke", { name: button.dataset.revoke }));
}

if (form) {
  const { name, role, expires } = form.elements;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const value = { name: name.value.trim(), role: role.value, expires: expires.value.trim() };
    if (await attempt("add", value)) name.value = "";
  });
  offerChanges();
}
