// What operators see besides: single miners, the match explorer, keys. The secret stays in this module.

import { amount, ask, byID, el, milliseconds, moment, price, setText, trouble } from './page.js';
import { bars, lines, stack } from './charts.js';
import { startKeys, stopKeys } from './keys.js';

const PAGE = 25;
const LOOK_MILLISECONDS = 2_000;

let secret = null;

byID('signin').addEventListener('submit', async (event) => {
  event.preventDefault();
  const typed = byID('secret').value;
  const answer = await ask('/v1/miners?limit=1', { secret: typed });
  if (answer.status !== 200) {
    byID('secret').setAttribute('aria-invalid', 'true');
    byID('signin-problem').textContent = answer.status === 401 || answer.status === 403
      ? "This is not the operator's secret." : trouble(answer);
    byID('secret').focus();
    return;
  }
  secret = typed;
  byID('secret').value = '';
  byID('secret').removeAttribute('aria-invalid');
  byID('signin-problem').textContent = '';
  showSignedIn(true);
  byID('x-region').focus();
  search();
  startKeys((path, options = {}) => ask(path, { ...options, secret }), minerButton);
});

byID('signout').addEventListener('click', () => {
  secret = null;
  closeMiner();
  stopKeys();
  byID('miners').replaceChildren();
  byID('x-result').hidden = true;
  showSignedIn(false);
  byID('secret').focus();
});

function showSignedIn(isIn) {
  byID('signin').hidden = isIn;
  byID('signed-in').hidden = !isIn;
  byID('operator').hidden = !isIn;
}

// The match explorer.

// As the hub's defaults have them; the bars are drawn by each part's share of the score that was answered.
const WEIGHTS = { cap: 0.4, price: 0.2, latency: 0.2, trust: 0.15, load: 0.05 };

byID('explorer').addEventListener('submit', async (event) => {
  event.preventDefault();
  setText(byID('x-problem'), '');
  let body;
  try {
    body = request();
  } catch {
    byID('x-json').setAttribute('aria-invalid', 'true');
    byID('x-json').closest('details').open = true;
    setText(byID('x-problem'), 'The request is not JSON.');
    return;
  }
  byID('x-json').removeAttribute('aria-invalid');
  setText(byID('x-state'), 'Matching …');
  const started = performance.now();
  const answer = await ask('/v1/pool/match', { method: 'POST', secret, body });
  const took = performance.now() - started;
  setText(byID('x-state'), '');
  if (answer.status !== 200) {
    const fields = (answer.json?.errors ?? []).map((error) => error.detail).join('; ');
    setText(byID('x-problem'), fields || trouble(answer));
    byID('x-result').hidden = true;
    return;
  }
  setText(byID('x-state'), `Answered in ${milliseconds(took)}`);
  showMatch(answer.json);
});

/** The fields as a request, with the JSON laid over them. */
function request() {
  const text = (id) => byID(id).value.trim();
  const list = (id) => text(id).split(',').map((word) => word.trim()).filter((word) => word);
  const number = (id) => (text(id) === '' || Number.isNaN(Number(text(id))) ? text(id) || undefined : Number(text(id)));
  const fields = {
    requirements: {
      min_vram_gb: number('x-vram'), min_ram_gb: number('x-ram'), accel: list('x-accel'),
      capabilities_any: list('x-capability'), service: text('x-service') || undefined,
    },
    hints: { region: text('x-region') || undefined, max_price: text('x-price') || undefined },
    top_k: number('x-top') ?? 5,
  };
  const own = text('x-json') === '' ? {} : JSON.parse(text('x-json'));
  return {
    job_id: 'explorer', ...fields, ...own,
    requirements: { ...fields.requirements, ...own.requirements },
    hints: { ...fields.hints, ...own.hints },
  };
}

function showMatch(answer) {
  byID('x-result').hidden = false;
  const table = el('table', {}, el('tbody', {}, ...answer.candidates.map(candidateRow)));
  byID('x-candidates').replaceChildren(answer.candidates.length > 0 ? table
    : el('p', { className: 'note' }, 'No miner fits. The filters on the other side say why.'));
  setText(byID('x-counts'),
    `Of ${amount(answer.considered)} miners ${amount(answer.eligible)} fit. Each of the others counts under the first filter that it fails.`);
  bars(byID('x-rejected'), Object.entries(answer.rejected ?? {}).map(([reason, count]) => (
    { label: reason, value: count, text: amount(count) })));
  byID('x-result').dataset.answer = answer.match_id;
}

function candidateRow(candidate) {
  const weighted = Object.entries(WEIGHTS).map(([name, weight]) => [name, weight * candidate.breakdown[name]]);
  const sum = weighted.reduce((total, [, value]) => total + value, 0) || 1;
  const shares = weighted.map(([name, value]) => [name, (candidate.score * value) / sum]);
  const facts = [`${price(candidate.price)} tokens`, candidate.region || 'no region',
    candidate.eta_ms === null ? 'latency unknown' : `ready in ${milliseconds(candidate.eta_ms)}`];
  return el('tr', { 'data-miner': candidate.miner_id },
    el('th', { scope: 'row' }, minerButton(candidate.miner_id),
      el('div', { className: 'soft small' }, facts.join(' · ')),
      stack(shares),
      el('div', { className: 'soft small' }, candidate.explain.replaceAll(' • ', ', '))),
    el('td', { className: 'amount' }, candidate.score.toFixed(3)));
}

// The registry.

let searched = '';
let cursor = null;

byID('search').addEventListener('submit', (event) => {
  event.preventDefault();
  search();
});
byID('m-more').addEventListener('click', () => more());

function search() {
  const parameters = new URLSearchParams({ limit: PAGE });
  for (const name of ['q', 'region', 'capability', 'online']) {
    const value = byID(`m-${name}`).value.trim();
    if (value) parameters.set(name, value);
  }
  searched = parameters.toString();
  cursor = null;
  byID('miners').replaceChildren();
  return more();
}

async function more() {
  const asked = searched;
  setText(byID('m-state'), 'Looking …');
  const place = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
  const answer = await ask(`/v1/miners?${asked}${place}`, { secret });
  if (asked !== searched) return;
  if (answer.status !== 200) {
    setText(byID('m-state'), trouble(answer));
    return;
  }
  const first = answer.json.miners[0];
  byID('miners').append(...answer.json.miners.map(minerRow));
  cursor = answer.json.next_cursor;
  byID('m-more').hidden = cursor === null;
  byID('miners-table').hidden = byID('miners').children.length === 0;
  const count = byID('miners').children.length;
  setText(byID('m-state'), first || count ? `${amount(count)} shown${cursor ? ', there may be more' : ''}` : 'No miner fits');
}

function minerRow(miner) {
  return el('tr', {},
    el('th', { scope: 'row' }, minerButton(miner.miner_id)),
    el('td', {}, stateOf(miner)), el('td', {}, miner.region || '–'), el('td', {}, gpu(miner)),
    ...[`${amount(miner.gpu_vram_gb)} GB`, price(priceOf(miner)), amount(miner.queue_len),
      milliseconds(miner.avg_latency_ms), miner.trust_score.toFixed(2)]
      .map((text) => el('td', { className: 'amount' }, text)));
}

const gpu = (miner) => (miner.gpu_name
  ? (miner.gpu_count > 1 ? `${miner.gpu_count} × ${miner.gpu_name}` : miner.gpu_name) : '–');
const priceOf = (miner) => miner.price_override?.price ?? miner.price_token_per_ksec;

function stateOf(miner) {
  if (!miner.online) return el('span', { className: 'state' }, 'offline');
  const word = miner.busy ? 'busy' : miner.status;
  return el('span', { className: `state ${word === 'active' ? 'good' : 'warn'}` }, word === 'active' ? 'online' : word);
}

function minerButton(id) {
  const button = el('button', { type: 'button', className: 'plain' }, id);
  button.addEventListener('click', () => { opener = button; openMiner(id); });
  return button;
}

// One miner. What it does over time is what this page has seen of it.

let shown = null;
let opener = null;
let timer;
let seen = [];

async function openMiner(id) {
  closeMiner();
  shown = id;
  seen = [];
  if (!await lookAtMiner()) return;
  byID('miner').hidden = false;
  byID('miner-title').focus();
  byID('miner').scrollIntoView({ block: 'start' });
  timer = setInterval(lookAtMiner, LOOK_MILLISECONDS);
}

function closeMiner() {
  clearInterval(timer);
  shown = null;
  byID('miner').hidden = true;
}
byID('miner-close').addEventListener('click', () => {
  closeMiner();
  (opener?.isConnected ? opener : byID('m-q')).focus();
});

async function lookAtMiner() {
  const id = shown;
  const answer = await ask(`/v1/pool/miners/${encodeURIComponent(id)}`, { secret });
  if (id !== shown) return false;
  if (answer.status !== 200) {
    setText(byID('m-state'), trouble(answer));
    return false;
  }
  const { miner, services, feedback } = answer.json;
  seen = [...seen, [Date.now(), miner.queue_len, miner.avg_latency_ms]].slice(-150);
  showMiner(miner);
  showServices(services);
  showTrust(miner, feedback);
  return true;
}

function pairs(list, entries) {
  const wanted = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
  list.replaceChildren(...wanted.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

function showMiner(miner) {
  setText(byID('miner-title'), miner.miner_id);
  pairs(byID('miner-now'), [
    ['State', stateOf(miner)],
    ['Queue', `${amount(miner.queue_len)} of ${amount(miner.max_parallel)} slots`],
    ['Latency', milliseconds(miner.avg_latency_ms)],
    ['Temperature', miner.temp_c === null ? null : `${miner.temp_c} °C`],
    ['Free memory', miner.mem_free_gb === null ? null : `${miner.mem_free_gb} GB`],
    ['GPU load', miner.gpu_utilization === null ? null : `${miner.gpu_utilization} %`],
    ['Last seen', moment(miner.last_seen_at)],
    ['Online until', moment(miner.lease_expires_at)],
  ]);
  const override = miner.price_override;
  pairs(byID('miner-profile'), [
    ['Address', miner.addr && `${miner.addr} (${miner.proto})`], ['Region', miner.region],
    ['GPU', `${gpu(miner)}, ${amount(miner.gpu_vram_gb)} GB`],
    ['Machine', `${amount(miner.cpu_cores)} cores, ${amount(miner.ram_gb)} GB`],
    ['Price', price(miner.price_token_per_ksec)],
    ['Price override', override && `${price(override.price)}: ${override.reason}`],
    ['Accelerators', words(miner.accel)], ['Capabilities', words(miner.capabilities)],
    ['Tags', words(miner.tags)], ['Since', moment(miner.created_at)],
  ]);
  const queue = seen.map(([time, length]) => [time, length]);
  const latency = seen.map(([time, , value]) => [time, value === null ? null : value / 100]);
  lines(byID('miner-chart'), [queue, latency], amount, 'Queue, and latency in hundreds of milliseconds,');
}

const words = (list) => (list.length === 0 ? null
  : el('ul', { className: 'tags' }, ...list.map((word) => el('li', {}, word))));

function showServices(services) {
  byID('miner-services').replaceChildren(services.length === 0
    ? el('p', { className: 'soft' }, 'None was ever set.')
    : el('table', {}, el('tbody', {}, ...services.map((service) => el('tr', {},
      el('th', { scope: 'row' }, service.service_type),
      el('td', {}, el('span', { className: `state ${service.enabled ? 'good' : ''}` }, service.enabled ? 'on' : 'off')),
      el('td', {}, Object.entries(service.pricing).map(([name, value]) => `${name} ${value}`).join(', ') || 'base price'),
      el('td', { className: 'amount' }, `${service.max_concurrent} at a time`))))));
}

function showTrust(miner, feedback) {
  const { good, bad } = miner.trust_evidence;
  setText(byID('miner-trust'),
    `${miner.trust_score.toFixed(3)}, from ${good.toFixed(2)} good and ${bad.toFixed(2)} bad evidence.`);
  byID('miner-feedback').replaceChildren(...feedback.map((report) => el('tr', {},
    el('td', {}, moment(report.at)), el('td', {}, report.coordinator), el('td', {}, report.job_id),
    el('td', {}, report.outcome), el('td', { className: 'amount' }, report.weight.toFixed(2)),
    el('td', { className: 'amount' }, `${report.trust_before.toFixed(3)} → ${report.trust_after.toFixed(3)}`))));
}
