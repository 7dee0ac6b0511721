/** What the page shows while nothing has ever been received: how far the signals come, and what to do next. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { busFinding, progress } from "../diagnosis.js";
import { banner, icons } from "../widgets.js";

/** @param {import("./page.js").Page} page */
export function view(page) {
  const { t } = page.i18n;
  const steps = progress(page.state.status, 0);
  const current = steps.findIndex((step) => !step.reached);
  return html`<section class="card guide">
    <h2>${t("guide.title")}</h2>
    <p>${t("guide.intro")}</p>
    <ol class="steps">
      ${steps.map(
        (step, position) => html`<li class=${step.reached ? "reached" : position === current ? "current" : ""}>
          <span class="tick">${step.reached ? icons.check : html`<span aria-hidden="true">${position + 1}</span>`}</span>
          <div>
            <b>${t(`guide.${step.key}`)}</b>
            <span class="hidden">${t(step.reached ? "guide.reached" : "guide.open")}</span>
            ${position === current ? banner(page, busFinding(page)) : nothing}
          </div>
        </li>`,
      )}
    </ol>
    <h3>${t("guide.wiring")}</h3>
    <table class="wiring">
      <thead>
        <tr>
          <th scope="col">SYSBUS</th>
          <th scope="col">${t("guide.dongle")}</th>
          <th scope="col">${t("guide.converter")}</th>
        </tr>
      </thead>
      <tbody>
        <tr><td>1</td><td>A / D+</td><td>485A</td></tr>
        <tr><td>2</td><td>B / D−</td><td>485B</td></tr>
        <tr><td>GND</td><td>GND</td><td>${t("guide.ground")}</td></tr>
      </tbody>
    </table>
    <p class="second">${t("guide.line")}</p>
  </section>`;
}
