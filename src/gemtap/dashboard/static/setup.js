// The light that turns green on a client's first request.
import { listen, showHealth } from "./page.js";

const light = document.getElementById("first-request");
light.hidden = false;

function arrived(item, address) {
  light.classList.add("good");
  const say = light.querySelector("[data-say]");
  const link = document.createElement("a");
  link.href = `/interactions/${item.id}`;
  link.textContent = "look at it";
  const client = typeof item.client === "string" ? item.client : item.client?.name;
  say.replaceChildren(`${client || "A client"} sent a request to ${item.model || item.operation}: `, link);
}

listen({
  interaction: arrived,
  inflight: ({ items }) => items.length && arrived(items[0]),
  health: showHealth,
});
