/**
 * A chart of several points over time, as an element that the view fills by its property `plot`; drawn by uPlot. It asks
 * for another range by the event `zoom`: dragging chooses one, two fingers pinch and move it, a double tap goes back. The
 * event `drop` tells the point that is not wanted any more.
 */

import uPlot from "../vendor/uplot/uPlot.js";
import { render } from "../vendor/lit-html/lit-html.js";
import { DASH } from "../core/i18n.js";
import { legend } from "./legend.js";
import { pinching } from "./pinch.js";

const HEIGHT_PX = 320;
const COLOURS = ["#2a78c8", "#d9730d", "#2e9e63", "#b03a8c", "#8a6d1c", "#5b5bd6", "#c0392b", "#168a9c"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const LEAST_DRAG_PX = 8;
/** Below this many pixels a number does not fit beside the chart. */
const AXIS_PX = 52;
/** Nearer to each other than this times of day run together, in locales of twelve hours. */
const TIME_PX = 60;
/** What ends longer ago than this is not of now. */
const NOW_S = 300;

/**
 * @typedef {import("../types.d.ts").Plot} Plot
 * @typedef {import("../types.d.ts").I18n} I18n
 */

/** Joins the series at all their times; `undefined` means that the last value still holds. @param {Plot} plot */
export function aligned(plot) {
  const times = [...new Set(plot.series.flatMap((each) => each.points.map(([at]) => at)).concat(plot.to_s))].sort((a, b) => a - b);
  const position = new Map(times.map((at, index) => [at, index]));
  const columns = plot.series.map(({ points }) => {
    /** @type {(number | null | undefined)[]} */
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
 * @param {ArrayLike<number | null | undefined>} column @param {number} index
 */
function heldAt(column, index) {
  let at = index;
  while (at > 0 && column[at] === undefined) at -= 1;
  return at;
}

class HistoryChart extends HTMLElement {
  /** @type {any} */
  #chart = null;
  /** @type {Plot | null} */
  #plot = null;
  /** @type {ResizeObserver | null} */
  #observer = null;
  #theme = matchMedia("(prefers-color-scheme: dark)");
  #redraw = () => this.#draw();
  /** @type {I18n | null} */
  words = null;
  #canvas = document.createElement("div");
  #legend = document.createElement("div");
  #release = () => {};

  connectedCallback() {
    this.#observer = new ResizeObserver(() => this.#chart?.setSize({ width: this.clientWidth, height: HEIGHT_PX }));
    this.#observer.observe(this);
    this.#theme.addEventListener("change", this.#redraw);
    this.addEventListener("keydown", this.#onKey);
    this.addEventListener("dblclick", this.#onBack);
    this.append(this.#canvas, this.#legend);
    this.#release = pinching(this, {
      inside: (event) => Boolean(this.#chart?.over.contains(/** @type {Node} */ (event.target))),
      timeAt: (clientX) => this.#chart?.posToVal(clientX - this.#chart.over.getBoundingClientRect().left, "x") ?? 0,
      range: () => /** @type {[number, number]} */ ([this.#chart.scales.x.min, this.#chart.scales.x.max]),
      show: (from_s, to_s) => this.#chart?.setScale("x", { min: from_s, max: to_s }),
      done: () => this.#zoom(this.#chart.scales.x.min, this.#chart.scales.x.max),
      point: (clientX, clientY) => this.#pointTo(clientX, clientY),
      back: () => this.#onBack(),
    });
    this.#draw();
  }

  disconnectedCallback() {
    this.#observer?.disconnect();
    this.#theme.removeEventListener("change", this.#redraw);
    this.removeEventListener("keydown", this.#onKey);
    this.removeEventListener("dblclick", this.#onBack);
    this.#release();
    this.#chart?.destroy();
    this.#chart = null;
  }

  /** @param {Plot} plot */
  set plot(plot) {
    if (plot === this.#plot) return;
    this.#plot = plot;
    if (this.isConnected) this.#draw();
  }

  /** @param {number} from_s @param {number} to_s */
  #zoom(from_s, to_s) {
    this.dispatchEvent(new CustomEvent("zoom", { detail: { from_s, to_s } }));
  }

  #onBack = () => {
    this.dispatchEvent(new CustomEvent("zoom", { detail: null }));
  };

  #draw() {
    this.#chart?.destroy();
    this.#chart = null;
    const plot = this.#plot;
    const words = this.words;
    if (!plot || !words || !this.clientWidth) return;
    const ink = resolved(this, "--secondary-text-color");
    const font = `12px ${getComputedStyle(this).fontFamily}`;
    const grid = { stroke: resolved(this, "--divider-color"), width: 1 };
    const units = [...new Set(plot.series.map((each) => each.unit))];
    const day = new Intl.DateTimeFormat(words.locale, { day: "numeric", month: "short" });
    const timeText = (/** @type {number} */ at_s) => (isMidnight(at_s) ? day.format(at_s * 1000) : words.clock(at_s));
    this.#chart = new uPlot(
      {
        width: this.clientWidth,
        height: HEIGHT_PX,
        scales: {
          x: { min: plot.from_s, max: plot.to_s },
          // A flat line in the middle says more than noise over the whole height.
          ...Object.fromEntries(units.map((unit) => [unit, { range: unit === "%" ? [0, 100] : around }])),
        },
        axes: [
          { stroke: ink, font, grid, ticks: grid, values: (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map(timeText), space: TIME_PX },
          ...units.map((unit, index) => ({
            scale: unit,
            side: index % 2 ? 1 : 3,
            stroke: ink,
            font,
            grid: index ? { show: false } : grid,
            ticks: grid,
            values: (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map((value) => `${words.number(value)}${unit === "%" ? " %" : "°"}`),
            size: AXIS_PX,
          })),
        ],
        series: [
          {},
          ...plot.series.map((each, index) => ({
            scale: each.unit,
            ...strokeOf(index),
            width: 2,
            points: { show: false },
            paths: /** @type {uPlot.Series.PathBuilder} */ (uPlot.paths.stepped?.({ align: 1 })),
          })),
        ],
        cursor: {
          dataIdx: (/** @type {any} */ chart, /** @type {number} */ series, /** @type {number} */ index) => (index === null ? index : heldAt(chart.data[series], index)),
          drag: { x: true, y: false, setScale: false },
          bind: { dblclick: () => null },
        },
        hooks: {
          setSelect: [(/** @type {any} */ chart) => this.#onSelect(chart)],
          setCursor: [(/** @type {any} */ chart) => this.#tell(chart)],
        },
        legend: { show: false },
      },
      /** @type {uPlot.AlignedData} */ (aligned(plot)),
      this.#canvas,
    );
    this.#tell(this.#chart);
  }

  /** Tells the values under the cursor, or the newest. @param {any} chart */
  #tell(chart) {
    const { words } = this;
    if (!words) return;
    const [times, ...columns] = chart.data;
    const at = chart.cursor.idx ?? null;
    const at_s = times[at ?? times.length - 1];
    const lines = (this.#plot?.series ?? []).map((each, index) => {
      const column = columns[index] ?? [];
      const value = column[heldAt(column, at ?? times.length - 1)] ?? null;
      const { stroke, dash } = strokeOf(index);
      const text = value === null ? DASH : `${words.number(Math.round(value * 10) / 10)} ${each.unit}`;
      return { id: each.id, name: each.name, colour: stroke, dash, value: text, drop: words.t("history.drop", { name: each.name }) };
    });
    const isNow = at === null && Date.now() / 1000 - at_s < NOW_S;
    const time = isNow ? words.t("day.now") : new Intl.DateTimeFormat(words.locale, { dateStyle: "medium", timeStyle: "short" }).format(at_s * 1000);
    render(legend(time, lines, (id) => this.dispatchEvent(new CustomEvent("drop", { detail: id }))), this.#legend);
  }

  /** @param {any} chart */
  #onSelect(chart) {
    const { left, width } = chart.select;
    if (width < LEAST_DRAG_PX) return;
    this.#zoom(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  /** Tells the values under a finger or pen, which uPlot does for mice only. @param {number} clientX @param {number} clientY */
  #pointTo(clientX, clientY) {
    const box = this.#chart.over.getBoundingClientRect();
    this.#chart.setCursor({ left: Math.min(box.width, Math.max(0, clientX - box.left)), top: clientY - box.top });
  }

  /** Moves the cursor over the samples, as a mouse does; Escape goes back to the whole span. @param {KeyboardEvent} event */
  #onKey = (event) => {
    const chart = this.#chart;
    if (!chart) return;
    if (event.key === "Escape") return this.#onBack();
    const last = chart.data[0].length - 1;
    const at = chart.cursor.idx ?? last;
    const wanted = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (wanted === undefined) return undefined;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, wanted));
    chart.setCursor({ left: chart.valToPos(chart.data[0][index], "x"), top: 0 });
    return undefined;
  };
}

/** @param {number} at_s */
function isMidnight(at_s) {
  const at = new Date(at_s * 1000);
  return at.getHours() === 0 && at.getMinutes() === 0;
}

/** @param {number} index of a line */
function strokeOf(index) {
  return { stroke: COLOURS[index % COLOURS.length] ?? "", dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length] ?? [] };
}

/** A colour as a canvas takes it, whatever the token is made of. @param {HTMLElement} place @param {string} token */
function resolved(place, token) {
  const probe = document.createElement("i");
  probe.style.color = `var(${token})`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** @param {unknown} _ @param {number | null} low @param {number | null} high */
function around(_, low, high) {
  return low === null || high === null ? [0, 40] : [Math.floor(low - 0.5), Math.ceil(high + 0.5)];
}

customElements.define("history-chart", HistoryChart);
