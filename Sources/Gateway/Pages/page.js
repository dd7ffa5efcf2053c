// What all pages use. Whatever comes from the hub is shown as text, never as markup.

const NO_ANSWER = 'The hub gives no answer just now.';

/** An element; `props` are its properties, `data-`, `aria-` and `role` attributes; children are nodes or texts. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined) continue;
    if (name.includes('-') || name === 'role' || name === 'for') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byID = (id) => document.getElementById(id);

/** Changes a text only when it differs, so that screen readers hear of changes alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Asks the hub. Never throws: without an answer `status` is 0.
 * @returns {Promise<{status: number, json: any, tag: string | null}>}
 */
export async function ask(path, { method = 'GET', secret, body, tag, signal } = {}) {
  const headers = {};
  if (secret) headers.Authorization = `Bearer ${secret}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (tag) headers['If-Match'] = tag;
  try {
    const answer = await fetch(path, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'omit', cache: 'no-store',
    });
    const text = await answer.text();
    return { status: answer.status, json: parsed(text), tag: answer.headers.get('ETag') };
  } catch {
    return { status: 0, json: null, tag: null };
  }
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

/** What went wrong, in a sentence for people. */
export function trouble(answer) {
  if (answer.status === 0) return NO_ANSWER;
  const detail = answer.json?.detail;
  const text = detail ? detail[0].toUpperCase() + detail.slice(1) : `The hub answered ${answer.status}`;
  return text.endsWith('.') ? text : `${text}.`;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** A count or a rate, short. */
export function amount(value) {
  if (value === null || value === undefined) return '–';
  return Math.abs(value) < 10 && !Number.isInteger(value) ? oneDigit.format(value) : whole.format(value);
}

/** Milliseconds with their unit. */
export function milliseconds(value) {
  if (value === null || value === undefined) return '–';
  if (value >= 1000) return `${threeDigits.format(value / 1000)} s`;
  return value > 0 && value < 1 ? `${whole.format(value * 1000)} µs` : `${threeDigits.format(value)} ms`;
}

/** Tokens: as many digits as tell prices apart. */
export function price(value) {
  return value === null || value === undefined ? '–' : String(value).includes('e') ? value.toFixed(8) : String(value);
}

/** A moment as the viewer's clock has it. */
export function moment(text) {
  if (!text) return '–';
  const time = new Date(text);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? time.toLocaleTimeString() : time.toLocaleString();
}
