// A thread: what was said in a turn is loaded when the turn comes into view.
const SOON = "600px"; // below the window: loaded before it is seen

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
for (const link of document.querySelectorAll("a.lazy.seen")) seen.observe(link);
