/** All that lies over the page: a room's sheet, the menu of a card, a question. One owner opens and closes them. */

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { menuList } from "./parts/choices.js";
import { toastView } from "./parts/toast.js";

/** @typedef {import("./types.d.ts").Page} Page */

const GAP_PX = 6;

/** Where the menu was asked for; it opens beside it. @type {HTMLElement | null} */
let anchor = null;
/** The room whose sheet was open last. @type {string | null} */
let visited = null;

/** @param {Page} page @param {Event} event @param {import("./types.d.ts").Menu} menu */
export function openMenu(page, event, menu) {
  anchor = /** @type {HTMLElement} */ (event.currentTarget);
  page.update({ menu });
}

/** @param {Page} page */
export function layers(page) {
  const { t } = page.i18n;
  const { question, menu } = page.ui;
  const close = {
    sheet: () => page.actions.closeRoom(),
    menu: () => page.update({ menu: null }),
    question: () => page.update({ question: null }),
  };
  const onYes = () => {
    page.update({ question: null });
    question?.onYes();
  };
  return html`
    ${layer("sheet", "sheet-title", close.sheet, sheetContent(page))}
    ${layer("menu", "menu-title", close.menu, menu ? menuList(page) : nothing)}
    ${layer(
      "question",
      "question-title",
      close.question,
      question
        ? html`<h2 id="question-title">${t(question.title, question.parameters)}</h2>
            <p>${t(question.text, question.parameters)}</p>
            <p class="answers">
              <button type="button" class="plain" autofocus @click=${close.question}>${t("action.cancel")}</button>
              <button type="button" class="filled" @click=${onYes}>${t(question.yes, question.parameters)}</button>
            </p>`
        : nothing,
    )}
  `;
}

/** The sheet with its toast: what lies outside of an open dialog can neither be tapped nor heard. @param {Page} page */
function sheetContent(page) {
  const room = page.ui.route.room;
  const sheet = room ? page.lazy["sheet"]?.sheet?.(page, room) : null;
  return sheet ? html`${sheet}${toastView(page)}` : nothing;
}

/** @param {string} name @param {string} title id of its heading @param {() => void} close @param {unknown} content */
function layer(name, title, close, content) {
  const onPointer = (/** @type {MouseEvent} */ event) => {
    if (event.target === event.currentTarget) close();
  };
  // The dialog is closed by the drawing that follows, so that the page's state alone decides.
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog data-layer=${name} aria-labelledby=${content === nothing ? nothing : title}
    @cancel=${onCancel} @click=${onPointer}>${content === nothing ? nothing : html`<div class="inside">${content}</div>`}</dialog>`;
}

/** Opens and closes the dialogs as the page's state says; called after each drawing. @param {Page} page @param {HTMLElement} root */
export function showLayers(page, root) {
  const wanted = { sheet: page.ui.route.room !== null, menu: page.ui.menu !== null, question: page.ui.question !== null };
  for (const dialog of root.children) {
    if (!(dialog instanceof HTMLDialogElement)) continue;
    const name = /** @type {keyof typeof wanted} */ (dialog.dataset["layer"]);
    const isWanted = wanted[name] && dialog.childElementCount > 0;
    if (isWanted && !dialog.open) {
      dialog.showModal();
      if (name === "menu") placeBeside(dialog);
    } else if (!isWanted && dialog.open) {
      dialog.close();
      // Its card may have moved to another floor meanwhile.
      if (name === "sheet" && document.activeElement === document.body) focusCard(root);
    }
  }
  visited = page.ui.route.room ?? visited;
}

/** @param {HTMLElement} root */
function focusCard(root) {
  /** @type {HTMLElement | null} */ (root.querySelector(`main [data-zone="${visited}"] a`))?.focus();
}

/** @param {HTMLDialogElement} dialog */
function placeBeside(dialog) {
  const from = anchor?.getBoundingClientRect();
  if (!from) return;
  const { width, height } = dialog.getBoundingClientRect();
  const left = Math.max(GAP_PX, Math.min(from.left, innerWidth - width - GAP_PX));
  const below = from.bottom + GAP_PX;
  const top = below + height < innerHeight ? below : Math.max(GAP_PX, from.top - height - GAP_PX);
  dialog.style.setProperty("--left", `${left}px`);
  dialog.style.setProperty("--top", `${top}px`);
}
