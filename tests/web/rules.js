// What a page breaks of the rules for everybody, as a list of sentences (WCAG 2.2: 1.3.1, 1.4.3, 2.1.1, 2.4.2, 4.1.2).
() => {
  const broken = [];
  const shown = (one) => one.offsetParent !== null && getComputedStyle(one).visibility !== "hidden";
  const call = (one) => one.outerHTML.slice(0, 90);
  if (!document.title.endsWith(" · Reroll")) broken.push(`title ${document.title}`);
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((one) => Number(one.tagName[1]));
  levels.forEach((level, at) => { if (at && level - levels[at - 1] > 1) broken.push(`h${level} after h${levels[at - 1]}`); });
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels.length && !field.ariaLabel) broken.push(`no label: ${call(field)}`);
  for (const one of document.querySelectorAll("a, button"))
    if (shown(one) && !one.textContent.trim() && !one.ariaLabel) broken.push(`no name: ${call(one)}`);
  for (const one of document.querySelectorAll("main pre"))
    if (shown(one) && one.scrollWidth > one.clientWidth + 1 && one.tabIndex < 0) broken.push(`no keyboard scrolls ${call(one)}`);
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !shown(one) || one.closest("button:disabled")) continue;
    let opacity = 1;
    for (let at = one; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
    const ground = behind(one);
    const ink = parts(getComputedStyle(one).color).slice(0, 3).map((part, at) => part * opacity + ground[at] * (1 - opacity));
    const [dark, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) broken.push(`contrast ${contrast.toFixed(1)}: ${texts.currentNode.textContent.trim().slice(0, 40)} in ${call(one)}`);
  }
  return [...new Set(broken)];
}
