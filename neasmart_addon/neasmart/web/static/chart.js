/** A chart of several points over time, as an element that the views fill by its property `plot`; drawn by uPlot. */

import uPlot from "./vendor/uplot/uPlot.js";

/** Loaded with the chart; its address is told here because only this file stays in its place when the page is packed. */
export const STYLE_SHEET = new URL("./vendor/uplot/uPlot.css", import.meta.url).href;

const HEIGHT_PX = 340;
const COLOURS = ["#2a78c8", "#d9730d", "#2e9e63", "#b03a8c", "#8a6d1c", "#5b5bd6", "#c0392b", "#168a9c"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const DAY_S = 86_400;
const TOUCHES = ["pointerdown", "pointermove"];

/**
 * @typedef {object} Plot
 * @property {{name: string, scale: string, text: (value: number | null) => string, points: [number, number | null][]}[]} series
 * @property {number} from_s
 * @property {number} to_s
 * @property {string} locale
 * @property {string} timeLabel
 * @property {string} label
 */

/** Joins the series at all their times; `undefined` means that the last value still holds. @param {Plot} plot */
export function aligned(plot) {
  const times = [...new Set(plot.series.flatMap((each) => each.points.map(([at]) => at)).concat(plot.to_s))].sort((a, b) => a - b);
  const position = new Map(times.map((at, index) => [at, index]));
  const columns = plot.series.map(({ points }) => {
    const column = new Array(times.length).fill(undefined);
    for (const [at, value] of points) column[/** @type {number} */ (position.get(at))] = value;
    const last = points.at(-1);
    if (last && last[0] < plot.to_s) column[times.length - 1] = last[1];
    return column;
  });
  return [times, ...columns];
}

/**
 * Where the value that held at a time stands in a column: there or before, never after.
 * @param {(number | null | undefined)[]} column @param {number} index
 */
function heldAt(column, index) {
  let at = index;
  while (at > 0 && column[at] === undefined) at -= 1;
  return at;
}

class HistoryChart extends HTMLElement {
  #chart = null;
  #plot = null;
  #observer = null;
  #theme = matchMedia("(prefers-color-scheme: dark)");
  #redraw = () => this.#draw();

  connectedCallback() {
    this.#observer = new ResizeObserver(() => this.#chart?.setSize({ width: this.clientWidth, height: HEIGHT_PX }));
    this.#observer.observe(this);
    this.#theme.addEventListener("change", this.#redraw);
    this.addEventListener("keydown", this.#onKey);
    for (const type of TOUCHES) this.addEventListener(type, this.#onTouch);
    this.#draw();
  }

  disconnectedCallback() {
    this.#observer?.disconnect();
    this.#theme.removeEventListener("change", this.#redraw);
    this.removeEventListener("keydown", this.#onKey);
    for (const type of TOUCHES) this.removeEventListener(type, this.#onTouch);
    this.#chart?.destroy();
    this.#chart = null;
  }

  /** @param {Plot} plot */
  set plot(plot) {
    if (plot === this.#plot) return;
    this.#plot = plot;
    if (this.isConnected) this.#draw();
  }

  #draw() {
    this.#chart?.destroy();
    this.#chart = null;
    const plot = this.#plot;
    if (!plot) return;
    const style = getComputedStyle(this);
    const ink = style.getPropertyValue("--secondary-text-color");
    const font = `12px ${style.fontFamily}`;
    const grid = { stroke: style.getPropertyValue("--divider-color"), width: 1 };
    const scales = [...new Set(plot.series.map((each) => each.scale))];
    const long = new Intl.DateTimeFormat(plot.locale, { dateStyle: "short", timeStyle: "short" });
    const short = new Intl.DateTimeFormat(
      plot.locale,
      plot.to_s - plot.from_s > 2 * DAY_S ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" },
    );
    this.#chart = new uPlot(
      {
        width: this.clientWidth,
        height: HEIGHT_PX,
        scales: {
          x: { range: [plot.from_s, plot.to_s] },
          // A flat line in the middle says more than noise over the whole height.
          "°C": { range: (_, low, high) => [Math.floor(low - 0.5), Math.ceil(high + 0.5)] },
          "%": { range: [0, 100] },
          step: { range: [0, 7] },
        },
        axes: [
          { stroke: ink, font, grid, ticks: grid, values: (_, splits) => splits.map((at) => short.format(at * 1000)) },
          ...scales.map((scale, index) => ({
            scale,
            side: index % 2 ? 1 : 3,
            show: scale !== "step",
            stroke: ink,
            font,
            grid: index ? { show: false } : grid,
            ticks: grid,
            values: (_, splits) => splits.map((value) => `${value} ${scale}`),
            size: 64,
          })),
        ],
        series: [
          { label: plot.timeLabel, value: (_, at) => (at === null ? "–" : long.format(at * 1000)) },
          ...plot.series.map((each, index) => ({
            label: each.name,
            scale: each.scale,
            stroke: COLOURS[index % COLOURS.length],
            dash: DASHES[Math.floor(index / 2) % DASHES.length],
            width: 2,
            points: { show: false },
            paths: uPlot.paths.stepped({ align: 1 }),
            value: (_, value) => each.text(value ?? null),
          })),
        ],
        cursor: { dataIdx: (chart, series, index) => (index === null ? index : heldAt(chart.data[series], index)) },
        legend: { live: true },
      },
      aligned(plot),
      this,
    );
    this.setAttribute("aria-label", plot.label);
  }

  /** Tells the values under a finger or pen, which uPlot does for mice only. @param {PointerEvent} event */
  #onTouch = (event) => {
    const chart = this.#chart;
    if (!chart || event.pointerType === "mouse" || !chart.over.contains(/** @type {Node} */ (event.target))) return;
    const box = chart.over.getBoundingClientRect();
    const left = Math.min(box.width, Math.max(0, event.clientX - box.left));
    chart.setCursor({ left, top: event.clientY - box.top });
  };

  /** Moves the cursor over the samples, as a mouse does. @param {KeyboardEvent} event */
  #onKey = (event) => {
    const chart = this.#chart;
    if (!chart) return;
    const last = chart.data[0].length - 1;
    const at = chart.cursor.idx ?? last;
    const wanted = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, wanted));
    chart.setCursor({ left: chart.valToPos(chart.data[0][index], "x"), top: 0 });
  };
}

customElements.define("history-chart", HistoryChart);
