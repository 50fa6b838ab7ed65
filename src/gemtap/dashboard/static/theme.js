// Runs before the page is drawn: the theme that the reader has chosen, if any.
const chosen = localStorage.getItem("theme");
if (chosen) document.documentElement.style.colorScheme = chosen;
