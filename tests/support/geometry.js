// Runs in the page: what sticks out, what is too small for a finger, what lies on something else, what is torn or cut.
() => {
  const top = document.querySelector("dialog[open]") ?? document.body;
  const faults = [];
  const seen = (element) => {
    if (element.closest("details:not([open]) > :not(summary)")) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && getComputedStyle(element).visibility !== "hidden";
  };
  const named = (element) =>
    `${element.tagName}.${element.className?.baseVal ?? element.className} ${element.textContent.trim().slice(0, 30)}`;

  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) faults.push(`the page is ${page.scrollWidth} wide of ${page.clientWidth}`);

  for (const element of top.querySelectorAll("button, a, select, input, summary, [role=spinbutton]")) {
    if (!seen(element) || element.closest(".aside") || element.matches(".whole, input[type=checkbox]")) continue;
    const box = element.getBoundingClientRect();
    const least = element.matches(".banner summary, [role=spinbutton]") ? 24 : 44;
    if (box.height < least - 0.5 || box.width < least - 0.5) {
      faults.push(`small ${Math.round(box.width)}x${Math.round(box.height)} ${named(element)}`);
    }
  }

  const controls = [...top.querySelectorAll("button, select, input, [role=spinbutton]")]
    .filter((element) => seen(element) && !element.closest(".aside, .toasts, .scroll, .bar, .sheet > header"))
    .map((element) => [element, element.getBoundingClientRect()]);
  controls.forEach(([one, first], place) => {
    for (const [other, second] of controls.slice(place + 1)) {
      const width = Math.min(first.right, second.right) - Math.max(first.left, second.left);
      const height = Math.min(first.bottom, second.bottom) - Math.max(first.top, second.top);
      if (width > 1 && height > 1) faults.push(`${named(one)} lies on ${named(other)}`);
    }
  });

  // A word is torn where it stands on two lines without a hyphen of its own.
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!seen(parent) || parent.closest(".aside, .raw, svg, script, style")) continue;
    for (const word of node.data.matchAll(/[\p{L}\p{N}]{2,24}/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (lines.size > 1) faults.push(`torn: ${word[0]} in ${named(parent)}`);
    }
  }

  for (const cell of top.querySelectorAll("td, th, dd, .target, .big, .segment button, .spans button, .trend")) {
    if (seen(cell) && !cell.closest(".aside") && cell.scrollWidth > cell.clientWidth + 1) faults.push(`cut: ${named(cell)}`);
  }
  return [...new Set(faults)].slice(0, 12);
}
