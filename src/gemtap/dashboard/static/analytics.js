// Charts of what stands in the page's tables, in the colours of the sheet. A mark leads to the list behind it.
const HEIGHT = 220;
const LENGTH = { hour: 36e5, day: 864e5, week: 6048e5 };

/** A colour of the sheet as it is now: whether the page is light or dark decides. */
function colourOf(name, property = "color") {
  const probe = document.createElement("i");
  probe.hidden = true;
  if (property === "color") probe.style.color = `var(${name})`;
  else probe.className = `key ${name}`;
  document.body.append(probe);
  const found = getComputedStyle(probe)[property];
  probe.remove();
  return found;
}

/** Names come from requests: to plotly they are text, not its markup. */
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function lengthOf(start, bucket) {
  if (bucket !== "month") return LENGTH[bucket];
  const next = new Date(`${start}Z`);
  next.setUTCMonth(next.getUTCMonth() + 1);
  return next - new Date(`${start}Z`);
}

function tracesOf(figure) {
  const { kind, bucket } = figure.dataset;
  const rows = [...figure.querySelectorAll("tbody tr")];
  const starts = rows.map((row) => row.dataset.start);
  const widths = starts.map((start) => lengthOf(start, bucket) * 0.86);
  return [...figure.querySelectorAll("thead th[data-colour]")].map((head, place) => {
    const cells = rows.map((row) => row.querySelectorAll("td")[place]);
    const colour = colourOf(head.dataset.colour, "backgroundColor");
    const said = (cell, row) => `${plain(head.textContent)}: ${plain(cell.textContent.trim() || "0")}<br>${row.querySelector("th").textContent}`;
    const trace = {
      name: plain(head.textContent),
      x: starts,
      y: cells.map((cell) => (cell.dataset.value === undefined ? null : Number(cell.dataset.value))),
      customdata: cells.map((cell) => cell.querySelector("a")?.getAttribute("href") ?? null),
      hovertext: cells.map((cell, at) => said(cell, rows[at])),
      hoverinfo: "text",
    };
    return kind === "bars"
      ? { ...trace, type: "bar", width: widths, offset: 0, marker: { color: colour, line: { width: 0 } } }
      : { ...trace, type: "scatter", mode: "lines+markers", line: { color: colour, width: 2 }, marker: { color: colour, size: 6 } };
  });
}

function layoutOf(figure) {
  const { unit } = figure.dataset;
  const quiet = colourOf("--quiet");
  const line = colourOf("--line");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, fixedrange: true };
  return {
    barmode: "stack",
    height: HEIGHT,
    margin: { l: 56, r: 8, t: 6, b: 30 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: colourOf("--raised"), bordercolor: line, font: { color: colourOf("--ink") } },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: quiet },
    xaxis: { ...axis, type: "date", nticks: 8 },
    yaxis: {
      ...axis,
      rangemode: "tozero",
      nticks: 5,
      ...(unit === "percent" ? { range: [0, 100], ticksuffix: " %" } : {}),
      ...(unit === "dollars" ? { tickprefix: "$" } : {}),
      ...(unit === "milliseconds" ? { ticksuffix: " ms" } : {}),
    },
  };
}

async function draw(figure) {
  const canvas = figure.querySelector(".canvas");
  const first = canvas.hidden;
  canvas.hidden = false;
  await Plotly.react(canvas, tracesOf(figure), layoutOf(figure), { displayModeBar: false, responsive: true });
  if (!first) return;
  figure.querySelector("details").open = false;
  canvas.on("plotly_click", ({ points }) => {
    if (points[0]?.customdata) location.assign(points[0].customdata);
  });
}

const drawAll = () => Promise.all([...document.querySelectorAll("figure.plot")].map(draw));

if (window.Plotly) {
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
}
