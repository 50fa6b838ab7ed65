// Suggestions in a search field, as a combobox: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
let lists = 0;

/** Offer suggestions in a search field. Without them, the field works as before. */
export function suggestIn(input) {
  const list = Object.assign(document.createElement("ul"), { className: "suggestions", id: `suggestions-${++lists}`, hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  input.closest("form").append(list);
  input.setAttribute("aria-controls", list.id);
  let given = { items: [] };
  let chosen = -1;
  let asked = 0;

  const choose = (number) => {
    chosen = number;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === number)));
    if (number < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", list.children[number].id);
    list.children[number].scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    asked += 1;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  };
  const take = (number) => {
    const { text } = given.items[number];
    const after = text.endsWith(":") ? "" : " ";
    // Places are counted in characters there, in UTF-16 units here.
    const [begin, end] = [given.begin, given.end].map((place) => [...input.value].slice(0, place).join("").length);
    input.setRangeText(text + after, begin, end, "end");
    close();
    input.focus();
    if (!after) ask();
  };
  const show = () => {
    list.replaceChildren(
      ...given.items.map(({ text, about }, number) => {
        const item = Object.assign(document.createElement("li"), { id: `${list.id}-${number}` });
        item.setAttribute("role", "option");
        item.append(
          Object.assign(document.createElement("code"), { textContent: text }),
          Object.assign(document.createElement("span"), { textContent: about }),
        );
        // Before the field loses its focus.
        item.addEventListener("mousedown", (event) => event.preventDefault());
        item.addEventListener("click", () => take(number));
        return item;
      }),
    );
    choose(-1);
    list.hidden = given.items.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.style.top = `${input.offsetTop + input.offsetHeight + 2}px`;
    list.style.left = `${input.offsetLeft}px`;
  };
  const ask = async () => {
    const mine = ++asked;
    const parameters = new URLSearchParams({ q: input.value, at: [...input.value.slice(0, input.selectionStart)].length });
    try {
      const answer = await fetch(`/api/suggestions?${parameters}`);
      if (!answer.ok || mine !== asked || document.activeElement !== input) return;
      given = await answer.json();
      show();
    } catch {
      // Typing goes on without suggestions.
    }
  };
  input.addEventListener("input", ask);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    const last = given.items.length - 1;
    if (event.key === "ArrowDown" && !open) ask();
    else if (event.key === "ArrowDown") choose(chosen < last ? chosen + 1 : 0);
    else if (event.key === "ArrowUp" && open) choose(chosen > 0 ? chosen - 1 : last);
    else if (event.key === "Escape" && open) close();
    else if ((event.key === "Enter" || event.key === "Tab") && open && chosen >= 0) take(chosen);
    else return;
    event.preventDefault();
  });
}
