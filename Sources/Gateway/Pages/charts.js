// Small charts: lists of bars, lines over time, spreads, stacks. Each says in words what it shows.

import { el } from './page.js';

/** Fills a list with one bar a row: `{ label, value, text }`. Rows are kept, so that bars move. */
export function bars(list, rows) {
  const largest = Math.max(1e-9, ...rows.map((row) => row.value));
  while (list.children.length > rows.length) list.lastChild.remove();
  rows.forEach((row, index) => {
    const item = list.children[index] ?? list.appendChild(bar());
    const [label, track, amount] = item.children;
    if (label.textContent !== row.label) {
      label.textContent = row.label;
      label.title = row.label;
    }
    if (amount.textContent !== row.text) amount.textContent = row.text;
    track.firstChild.style.width = `${(100 * row.value) / largest}%`;
  });
}

function bar() {
  return el('li', {}, el('span', { className: 'label' }),
    el('span', { className: 'track', 'aria-hidden': 'true' }, el('i')),
    el('span', { className: 'amount' }));
}

/**
 * Lines over the last five minutes.
 * @param figure an element with an svg, and `.scale` for the numbers below it
 * @param lines arrays of `[time in ms, value or null]`, ascending
 * @param show turns a value into text
 */
export function lines(figure, lines, show, label) {
  const svg = figure.querySelector('svg');
  const newest = Math.max(...lines.map((line) => line.at(-1)?.[0] ?? 0));
  const values = lines.flat().map((point) => point[1]).filter((value) => value !== null);
  const top = ceiling(Math.max(0, ...values));
  const paths = svg.querySelectorAll('path');
  lines.forEach((line, index) => paths[index].setAttribute('d', path(line, newest, top)));
  const [high, span] = figure.querySelectorAll('.scale span');
  high.textContent = `0 to ${show(top)}`;
  span.textContent = 'last 5 minutes';
  const now = lines.map((line) => show(line.at(-1)?.[1] ?? null)).join(' and ');
  svg.setAttribute('aria-label', `${label} over the last five minutes, between 0 and ${show(top)}; now ${now}`);
}

const SPAN = 300_000;

function path(line, newest, top) {
  let text = '';
  let isPenDown = false;
  for (const [time, value] of line) {
    if (value === null || newest - time > SPAN) { isPenDown = false; continue; }
    const x = 300 - (300 * (newest - time)) / SPAN;
    const y = 100 - (96 * value) / top;
    text += `${isPenDown ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(2)}`;
    isPenDown = true;
  }
  return text;
}

/** The next round number: 1, 2 or 5 times a power of ten. */
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/** From the 10th to the 90th percentile on a scale from 0 to `top`, with a mark at the median. */
export function spread(low, middle, high, top) {
  const band = el('i');
  band.style.left = `${(100 * low) / top}%`;
  band.style.width = `${Math.max(1, (100 * (high - low)) / top)}%`;
  const mark = el('b');
  mark.style.left = `${(100 * middle) / top}%`;
  return el('div', { className: 'spread', 'aria-hidden': 'true' }, band, mark);
}

/** Parts of a score side by side: `[[name, share of the whole], …]`. */
export function stack(parts) {
  return el('div', { className: 'stack', 'aria-hidden': 'true' }, ...parts.map(([name, share]) => {
    const part = el('i', { className: name });
    part.style.width = `${100 * share}%`;
    return part;
  }));
}
