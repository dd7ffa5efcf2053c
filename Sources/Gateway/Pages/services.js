// A miner's owner signs in and gets a card a service. The API key stays in this module.

import { amount, ask, byID, setText, trouble } from './page.js';
import { ServiceCard } from './card.js';

/** Who is signed in: `{ key, id }`. */
let session = null;
let cards = [];

byID('signin').addEventListener('submit', async (event) => {
  event.preventDefault();
  const key = byID('key').value;
  const answer = await ask('/v1/miners/status', { secret: key });
  if (answer.status !== 200) {
    byID('key').setAttribute('aria-invalid', 'true');
    setText(byID('signin-problem'), [401, 403].includes(answer.status)
      ? 'No miner has this API key.' : trouble(answer));
    byID('key').focus();
    return;
  }
  byID('key').value = '';
  byID('key').removeAttribute('aria-invalid');
  setText(byID('signin-problem'), '');
  await enter(key, answer.json);
});

async function enter(key, miner) {
  // Signed in anew as the same miner: what was typed is still there.
  const isSame = session?.id === miner.miner_id && cards.length > 0;
  session = { key, id: miner.miner_id };
  showMiner(miner);
  if (!isSame && !await makeCards()) return;
  byID('signin-card').hidden = true;
  byID('signed-in').hidden = false;
  byID('miner').focus();
}

function showMiner(miner) {
  setText(byID('miner'), miner.miner_id);
  const gpu = miner.gpu_name ? `${amount(miner.gpu_count)} × ${miner.gpu_name}, ` : '';
  setText(byID('hardware'), `${gpu}${amount(miner.gpu_vram_gb)} GB of GPU memory, ${amount(miner.ram_gb)} GB of RAM, ${
    amount(miner.cpu_cores)} cores`);
}

async function makeCards() {
  const [templates, services] = await Promise.all([
    ask('/v1/services/templates'), ask('/v1/services', { secret: session.key }),
  ]);
  const failed = [templates, services].find((answer) => answer.status !== 200);
  if (failed) {
    setText(byID('signin-problem'), trouble(failed));
    return false;
  }
  const held = new Map(services.json.map((service) => [service.service_type, service]));
  cards = templates.json.map((template) => (
    new ServiceCard(template, held.get(template.service_type), asMiner)));
  byID('cards').replaceChildren(...cards.map((card) => card.node));
  return true;
}

/** Asks as the miner. When the key is good no more, the sign-in comes back, and the cards keep what was typed. */
async function asMiner(path, options) {
  const secret = session?.key;
  const answer = await ask(path, { ...options, secret });
  // An answer to an older key says nothing of the one that is signed in with meanwhile.
  if (answer.status === 401 && session !== null && session.key === secret) {
    session.key = undefined;
    byID('signin-card').hidden = false;
    setText(byID('signin-problem'), 'The hub does not know this key any more. Sign in again; what you typed is still here.');
    byID('key').focus();
  }
  return answer;
}

byID('signout').addEventListener('click', () => {
  if (cards.some((card) => card.isChanged)
    && !window.confirm('Some changes are not saved. Sign out all the same?')) return;
  session = null;
  cards = [];
  byID('cards').replaceChildren();
  byID('signed-in').hidden = true;
  byID('signin-card').hidden = false;
  byID('key').focus();
});

window.addEventListener('beforeunload', (event) => {
  if (cards.some((card) => card.isChanged)) event.preventDefault();
});
