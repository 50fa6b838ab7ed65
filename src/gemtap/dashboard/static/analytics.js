// Charts of the page's numbers, in the colours of the sheet. A mark leads to the list behind it.
import { harmless } from "./page.js";

const HEIGHT = 230;
const LENGTH = { minute: 6e4, hour: 36e5, day: 864e5, week: 6048e5 };

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
const plain = (text) => harmless(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function lengthOf(start, bucket) {
  if (bucket !== "month") return LENGTH[bucket];
  const next = new Date(`${start}Z`);
  next.setUTCMonth(next.getUTCMonth() + 1);
  return next - new Date(`${start}Z`);
}

const inUtc = (milliseconds) => new Date(milliseconds).toISOString();

/** The middle of a bucket: a point stands above the bar of the same time. */
const middleOf = (start, width) => inUtc(Date.parse(`${start}Z`) + width / 2).slice(0, 19);

/** How much of a start is shown. A week is shown as its first day. */
const SHOWN = { minute: 16, hour: 16, day: 10, week: 10, month: 7 };

const FORMAT = { requests: ",d", tokens: ",d", dollars: "$,.3r", percent: ".1f", milliseconds: ".3r" };
const UNIT = { percent: " %", milliseconds: " s" };

/** The list behind a value: the same link as in the table of the chart's data. */
function listBehind({ conditions, at_least }, value, query, start, bucket) {
  const slow = at_least && `${at_least}:>=${Math.floor(value)}ms`;
  const times = [`since:${start}.000Z`, `until:${inUtc(Date.parse(`${start}Z`) + lengthOf(start, bucket))}`];
  return `/interactions?${new URLSearchParams({ q: [query, conditions, slow, ...times].filter(Boolean).join(" ") })}`;
}

/** A line has a gap where nothing was recorded for a while. */
function withGaps({ x, y, customdata, hovertext, ...rest }, starts, widths) {
  const trace = { ...rest, x: [], y: [], customdata: [], hovertext: [] };
  const add = (...point) => [trace.x, trace.y, trace.customdata, trace.hovertext].forEach((list, at) => list.push(point[at]));
  starts.forEach((start, at) => {
    const end = at && Date.parse(`${starts[at - 1]}Z`) + widths[at - 1];
    if (at && Date.parse(`${start}Z`) > end + widths[at - 1] / 2) add(x[at], null, null, null);
    add(x[at], y[at], customdata[at], hovertext[at]);
  });
  return trace;
}

function tracesOf(figure) {
  const { kind, bucket, unit } = figure.dataset;
  const { query, starts: told } = figure.closest(".charts").dataset;
  const starts = JSON.parse(told);
  const widths = starts.map((start) => lengthOf(start, bucket) * 0.86);
  const scale = unit === "milliseconds" ? 1000 : 1;
  return JSON.parse(figure.dataset.series).map((series) => {
    const { name, values } = series;
    const colour = colourOf(series.colour, "backgroundColor");
    const trace = {
      name: plain(name),
      x: kind === "bars" ? starts : starts.map((start, at) => middleOf(start, widths[at])),
      y: values.map((value) => value && value / scale),
      customdata: values.map((value, at) => (value ? listBehind(series, value, query, starts[at], bucket) : null)),
      hovertext: starts.map((start) => start.slice(0, SHOWN[bucket]).replace("T", " ")),
      hovertemplate: `%{fullData.name}: %{y:${FORMAT[unit]}}${UNIT[unit] ?? ""}<br>%{hovertext} UTC<extra></extra>`,
    };
    if (kind === "bars") return { ...trace, type: "bar", width: widths, offset: 0, marker: { color: colour, line: { width: 0 } } };
    const line = { type: "scatter", mode: "lines+markers", line: { color: colour, width: 2 }, marker: { color: colour, size: 6 } };
    return { ...withGaps(trace, starts, widths), ...line };
  });
}

function layoutOf(figure) {
  const { unit } = figure.dataset;
  const quiet = colourOf("--quiet");
  const line = colourOf("--line");
  const { since, until } = figure.closest(".charts").dataset;
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, fixedrange: true };
  return {
    barmode: "stack",
    height: HEIGHT,
    margin: { l: 56, r: 8, t: 8, b: 40 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: colourOf("--raised"), bordercolor: line, font: { color: colourOf("--ink") } },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: quiet },
    xaxis: { ...axis, type: "date", nticks: 8, range: [since, until] },
    yaxis: {
      ...axis,
      rangemode: "tozero",
      nticks: 5,
      ...(unit === "percent" ? { range: [0, 100], ticksuffix: " %" } : {}),
      ...(unit === "dollars" ? { tickprefix: "$" } : {}),
      ...(unit === "milliseconds" ? { ticksuffix: " s" } : {}),
    },
  };
}

async function draw(figure) {
  const canvas = figure.querySelector(".canvas");
  const first = canvas.hidden;
  canvas.hidden = false;
  await Plotly.react(canvas, tracesOf(figure), layoutOf(figure), { displayModeBar: false, responsive: true });
  if (!first) return;
  canvas.on("plotly_click", ({ points }) => {
    if (points[0]?.customdata) location.assign(points[0].customdata);
  });
}

const drawAll = () => Promise.all([...document.querySelectorAll("figure.chart")].map(draw));

if (window.Plotly) {
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("theme", drawAll);
}
