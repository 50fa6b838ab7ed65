// A thread: what was said in a turn is loaded when the turn comes into view, and new turns arrive by themselves.
import { fetchPage, listen, localise, showHealth } from "./page.js";

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
  for (const link of root.querySelectorAll("a.lazy.seen")) seen.observe(link);
}

async function refresh() {
  const page = await fetchPage(location.pathname).catch(() => null);
  if (!page) return;
  localise(page);
  document.getElementById("sums").replaceWith(page.getElementById("sums"));
  const outline = page.querySelector(".outline-list");
  if (outline) document.querySelector(".outline-list")?.replaceWith(outline);
  for (const turn of page.querySelectorAll(".turn")) {
    if (document.getElementById(turn.id)) continue;
    thread.append(turn);
    watch(turn);
  }
}

watch(document);
listen({ interaction: (item) => item.thread?.id === thread.dataset.thread && refresh(), health: showHealth }, refresh);
