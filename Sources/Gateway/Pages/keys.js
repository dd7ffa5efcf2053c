// Keys, for operators: which there are, and the end of one. Of a key itself the hub holds only a hash.

import { amount, byID, el, moment, setText, trouble } from './page.js';

const PAGE = 25;

/** Asks the hub in the operator's name; null while nobody is signed in. */
let ask = null;
/** Makes a button that shows a miner, and with it when it was last seen. */
let minerButton;
let searched = '';
let cursor = null;

export function startKeys(asOperator, buttonOf) {
  ask = asOperator;
  minerButton = buttonOf;
  search();
}

export function stopKeys() {
  ask = null;
  searched = '';
  byID('keys').replaceChildren();
  byID('revoke').close();
}

byID('k-search').addEventListener('submit', (event) => {
  event.preventDefault();
  search();
});
byID('k-more').addEventListener('click', () => more());

function search() {
  const parameters = new URLSearchParams({ limit: PAGE });
  for (const name of ['owner', 'kind', 'live']) {
    const value = byID(`k-${name}`).value.trim();
    if (value) parameters.set(name, value);
  }
  searched = parameters.toString();
  cursor = null;
  byID('keys').replaceChildren();
  return more();
}

async function more() {
  const asked = searched;
  setText(byID('k-state'), 'Looking …');
  const place = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
  const answer = await ask(`/v1/keys?${asked}${place}`);
  if (asked !== searched) return;
  if (answer.status !== 200) {
    setText(byID('k-state'), trouble(answer));
    return;
  }
  byID('keys').append(...answer.json.keys.map(row));
  cursor = answer.json.next_cursor;
  byID('k-more').hidden = cursor === null;
  const count = byID('keys').children.length;
  byID('keys-table').hidden = count === 0;
  setText(byID('k-state'), count ? `${amount(count)} shown${cursor ? ', there may be more' : ''}` : 'No key fits');
}

function row(key) {
  return el('tr', { 'data-key': key.key_id },
    el('th', { scope: 'row' }, el('code', {}, key.key_id), key.label && el('div', { className: 'soft small' }, key.label)),
    ...[key.kind, ownerOf(key), moment(key.created_at), moment(key.expires_at)].map((shown) => el('td', {}, shown)),
    el('td', {}, stateOf(key)), el('td', { className: 'amount' }, revokeButton(key)));
}

function ownerOf(key) {
  if (key.owner === null) return 'nobody yet';
  return key.kind === 'miner' ? minerButton(key.owner) : key.owner;
}

function stateOf(key) {
  if (key.live) return el('span', { className: 'state good' }, 'live');
  return el('span', { className: 'state' }, key.revoked_at ? `revoked ${moment(key.revoked_at)}` : 'ended');
}

function revokeButton(key) {
  if (key.revoked_at) return null;
  const button = el('button', { type: 'button', className: 'plain', 'aria-label': `Revoke key ${key.key_id}` }, 'Revoke …');
  button.addEventListener('click', () => question(key));
  return button;
}

// A revocation is for good, so it is asked for twice.

let doomed = null;

function question(key) {
  doomed = key;
  setText(byID('revoke-key'), key.key_id);
  setText(byID('revoke-what'), consequence(key));
  setText(byID('revoke-problem'), '');
  byID('revoke').showModal();
}

function consequence(key) {
  if (key.kind === 'coordinator') {
    return `${key.owner} is refused with it from now on; what it holds besides goes on.`;
  }
  if (key.owner === null) return 'Nobody has registered with it yet, and nobody will.';
  return `All sessions and connections of ${key.owner} end, and it has to register again with another key.`;
}

byID('revoke-no').addEventListener('click', () => byID('revoke').close());

byID('revoke-yes').addEventListener('click', async () => {
  const key = doomed;
  byID('revoke-yes').disabled = true;
  const answer = await ask(`/v1/keys/${encodeURIComponent(key.key_id)}`, { method: 'DELETE' });
  byID('revoke-yes').disabled = false;
  if (key !== doomed) return;
  if (answer.status !== 200) {
    setText(byID('revoke-problem'), trouble(answer));
    return;
  }
  byID('revoke').close();
  [...byID('keys').children].find((each) => each.dataset.key === key.key_id)?.replaceWith(row(answer.json));
  setText(byID('k-state'), `The key ${key.key_id} is revoked`);
  byID('k-owner').focus();
});
