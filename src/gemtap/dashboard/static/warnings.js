// Warnings of limits and unusual rates, as they come: loaded when one does, and by the page of limits.
import { showAlarms } from "./page.js";

/** Whether this browser can show notifications: only pages of this machine, or with TLS, may. */
export const canNotify = () => "Notification" in window && isSecureContext;

const isNotified = () => canNotify() && Notification.permission === "granted" && localStorage.getItem("notify") === "yes";

/** A button that switches notifications of this browser on and off. */
export function offerNotifications(button) {
  const say = () => button.setAttribute("aria-pressed", String(isNotified()));
  button.hidden = false;
  say();
  button.addEventListener("click", async () => {
    if (isNotified()) localStorage.removeItem("notify");
    else if ((await Notification.requestPermission()) === "granted") localStorage.setItem("notify", "yes");
    say();
  });
}

/** Tell of a warning at once: in the server's words at the top, and by a notification where somebody asked for it. */
export async function warn({ id, message }) {
  // One for all open pages: the browser replaces a notification with the same tag.
  if (isNotified()) new Notification("Gemtap", { body: message, tag: id });
  await showAlarms();
}
