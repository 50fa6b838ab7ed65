// The lights that turn green on a client's first request: one for whoever calls, and that of the client itself.
import { listen, showHealth } from "./page.js";

const light = document.getElementById("first-request");
light.hidden = false;

/** A list item of the API, or what is told of an exchange in flight. */
function arrived(item) {
  const client = typeof item.client === "string" ? item.client : item.client?.name;
  turnGreen(light, item, "open it", `${client || "A client"} sent a request to ${item.model || item.operation}: `);
  for (const section of document.querySelectorAll(".client")) {
    const called = JSON.parse(section.dataset.called);
    if (called.includes(client) && section.dataset.provider === item.provider) {
      turnGreen(section.querySelector(".arrival"), item, `Receiving ${client} requests`, "");
    }
  }
}

function turnGreen(place, item, words, before) {
  place.classList.add("good");
  const link = document.createElement("a");
  link.href = `/interactions/${item.id}`;
  link.textContent = words;
  place.querySelector("[data-say]").replaceChildren(before, link);
}

listen({
  interaction: arrived,
  inflight: ({ items }) => items.forEach(arrived),
  health: showHealth,
});
