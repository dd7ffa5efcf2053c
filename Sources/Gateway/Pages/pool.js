// The pool at a glance: what the hub sends once a second, drawn.

import { amount, ask, byID, el, milliseconds, moment, price, setText } from './page.js';
import { bars, lines, spread } from './charts.js';

const SAMPLE_LIMIT = 300;
const REGION_LIMIT = 12;
const POLL_MILLISECONDS = 5_000;

/** Rows as `/v1/pool/events` tells of them: time, online, heartbeats/s, matches/s, p50, p99. */
let samples = [];

function show(pool) {
  const states = {
    ok: ['good', 'All is well'],
    degraded: ['warn', `Degraded: ${[pool.db || 'PostgreSQL is away', pool.redis || 'Redis is away']
      .filter((word) => word !== true).join(', ')}`],
    unavailable: ['bad', 'No scorer can answer'],
  };
  setState(...(states[pool.status] ?? ['', pool.status]));
  setText(byID('source'), `As ${pool.gateway} sees it, version ${pool.version}`);
  setText(byID('online'), amount(pool.miners_online));
  setText(byID('heartbeats'), amount(pool.heartbeats_per_sec));
  setText(byID('matches'), amount(pool.matches_per_sec));
  setText(byID('p50'), milliseconds(pool.match_p50_ms));
  setText(byID('p99'), milliseconds(pool.match_p99_ms));
  showRegions(pool.regions);
  bars(byID('rejections'), pool.rejections.map(({ reason, count }) => (
    { label: reason, value: count, text: amount(count) })));
  showScorers(pool.scorers);
  if (pool.survey) showSurvey(pool.survey);
  document.body.dataset.at = pool.at;
}

function setState(kind, text) {
  byID('state').className = `state small ${kind}`;
  setText(byID('state'), text);
}

function showRegions(regions) {
  const rows = regions.slice(0, REGION_LIMIT).map(({ name, online }) => (
    { label: name || 'no region', value: online, text: amount(online) }));
  const rest = regions.slice(REGION_LIMIT);
  if (rest.length > 0) {
    const online = rest.reduce((sum, region) => sum + region.online, 0);
    rows.push({ label: `${rest.length} more`, value: online, text: amount(online) });
  }
  bars(byID('regions'), rows);
}

function showScorers(scorers) {
  const kinds = { ready: 'good', starting: 'warn', draining: 'warn' };
  byID('scorers').replaceChildren(...scorers.map((scorer) => el('tr', {},
    el('th', { scope: 'row' }, scorer.scorer),
    el('td', {}, el('span', { className: `state ${kinds[scorer.state] ?? 'bad'}` }, scorer.state)),
    ...[milliseconds(scorer.lag_ms), amount(scorer.in_flight), amount(scorer.miners_online),
      amount(scorer.answers_total)].map((text) => el('td', { className: 'amount' }, text)))));
}

let surveyed = '';

function showSurvey(survey) {
  if (survey.at === surveyed) return;
  surveyed = survey.at;
  setText(byID('survey-time'), `${amount(survey.miners)} miners, at ${moment(survey.at)}.`);
  const top = Math.max(1e-8, ...survey.gpus.map((gpu) => gpu.price_p90));
  byID('gpus').replaceChildren(...survey.gpus.map((gpu) => el('tr', {},
    el('th', { scope: 'row' }, gpu.name || 'no GPU'),
    ...[amount(gpu.miners), amount(gpu.gpus), price(gpu.price_p10), price(gpu.price_p50),
      price(gpu.price_p90)].map((text) => el('td', { className: 'amount' }, text)),
    el('td', {}, spread(gpu.price_p10, gpu.price_p50, gpu.price_p90, top)))));
}

function showLines() {
  const column = (index) => samples.map((sample) => [sample[0], sample[index]]);
  lines(byID('online-chart'), [column(1)], amount, 'Miners online');
  lines(byID('matches-chart'), [column(3)], amount, 'Matches a second');
  lines(byID('latency-chart'), [column(4), column(5)], milliseconds, 'Match latency, median and 99th percentile,');
}

function take(pool) {
  const time = Date.parse(pool.at);
  if ((samples.at(-1)?.[0] ?? 0) < time) {
    samples.push([time, pool.miners_online, pool.heartbeats_per_sec, pool.matches_per_sec,
      pool.match_p50_ms, pool.match_p99_ms]);
  }
  samples = samples.slice(-SAMPLE_LIMIT);
  show(pool);
  showLines();
}

// Live while it lasts; asked for now and then where there is no place for another live viewer.

let polling;

async function poll() {
  const answer = await ask('/v1/pool');
  if (answer.status === 200) take(answer.json);
  else setState('bad', 'The hub gives no answer');
}

function watch() {
  const source = new EventSource('/v1/pool/events');
  source.addEventListener('history', (event) => {
    clearInterval(polling);
    polling = undefined;
    samples = JSON.parse(event.data).samples;
  });
  source.addEventListener('pool', (event) => take(JSON.parse(event.data)));
  source.onerror = () => {
    if (polling === undefined) {
      poll();
      polling = setInterval(poll, POLL_MILLISECONDS);
    }
    // A refusal ends the source for good; a broken connection is tried again by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(watch, 6 * POLL_MILLISECONDS);
  };
}

watch();
