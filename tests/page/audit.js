'use strict';
// What a page must not have: things to work with that have no name, and text that is hard to read.

/** What can be worked with, or looked at, and has no name. */
function unnamed() {
  const named = e => e.getAttribute('aria-label') || e.alt || e.labels?.length || (e.tagName === 'BUTTON' && e.innerText.trim());
  return [...document.querySelectorAll('button, input, select, canvas[tabindex], img')]
    .filter(e => e.checkVisibility() && !named(e)).map(e => e.outerHTML.slice(0, 120));
}

const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});

/** A CSS colour as red, green, blue, alpha, 0 to 255. */
function rgba(colour) {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data];
}

/** Relative luminance (WCAG 2). */
function luminance(colour) {
  const [red, green, blue] = colour.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The nearest opaque colour below a text. */
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return [255, 255, 255, 255];
}

/** Visible texts with less contrast than WCAG's AA asks for, 4.5, and theirs; what cannot be used now is exempt. */
function faint() {
  const exempt = ':disabled, .tile, .hidden, .skip, noscript, option, select, dialog', found = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
    if (!e.checkVisibility() || e.closest(exempt)) continue;
    const [a, b] = [rgba(getComputedStyle(e).color), ground(e)].map(colour => luminance(colour.slice(0, 3)));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push([e.innerText.slice(0, 40), contrast]);
  }
  return found;
}
