// The command palette of Ctrl-K: pages, everyday queries, a search, or an interaction by its id.

/** What fits the words: links of the page's index, and what the words themselves may mean. */
function linksFor(words, index) {
  const text = words.trim();
  const fitting = index.filter((link) => link.textContent.toLowerCase().includes(text.toLowerCase()));
  const own = [];
  if (/^[0-9a-f]{24}$/i.test(text)) own.push(["Open interaction " + text, `/interactions/${text}`]);
  if (text) {
    own.push([`Search threads: ${text}`, `/threads?q=${encodeURIComponent(text)}`]);
    own.push([`Search interactions: ${text}`, `/interactions?q=${encodeURIComponent(text)}`]);
  }
  return [...fitting.map((link) => [link.textContent, link.getAttribute("href")]), ...own];
}

export function openPalette() {
  const index = [...document.querySelectorAll("#palette-index a")];
  const dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Command palette");
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "Go to a page, search, or paste an id";
  input.setAttribute("aria-label", input.placeholder);
  const list = document.createElement("ul");
  const show = () =>
    list.replaceChildren(
      ...linksFor(input.value, index).map(([name, address]) => {
        const item = document.createElement("li");
        const link = Object.assign(document.createElement("a"), { href: address, textContent: name });
        item.append(link);
        return item;
      }),
    );
  input.addEventListener("input", show);
  dialog.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (at > 0 ? links[at - 1] : input).focus();
    else if (event.key === "Enter" && document.activeElement === input) links[0]?.click();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(input, list);
  document.body.append(dialog);
  show();
  dialog.showModal();
}
