// One service: its fields, what is saved of it, and what the hub says of what was typed.

import { amount, el, moment, price, setText, trouble } from './page.js';

const VALIDATE_MILLISECONDS = 300;
const NEVER_SET = { enabled: false, config: {}, pricing: {}, capabilities: [], max_concurrent: 1, version: 0, updated_at: null };

export class ServiceCard {
  /**
   * @param template what the hub knows of this type of service
   * @param held what is saved; undefined: nothing
   * @param ask asks the hub as the miner
   */
  constructor(template, held, ask) {
    this.template = template;
    this.type = template.service_type;
    this.ask = ask;
    this.fields = new Map();
    this.held = held ?? NEVER_SET;
    this.node = this.#build();
    this.#fill(this.held);
    this.#showState();
    if (this.held.enabled) this.#validate();
  }

  /** Whether something was typed that isn't saved. */
  get isChanged() { return JSON.stringify(this.#body()) !== this.filled; }

  get #path() { return `/v1/services/${encodeURIComponent(this.type)}`; }

  // What is seen.

  #build() {
    const { template } = this;
    const id = (name) => `${this.type}-${name}`;
    this.enabled = el('input', { type: 'checkbox', id: id('enabled'), role: 'switch' });
    this.state = el('span', { className: 'soft small', role: 'status' });
    this.summary = el('div', { className: 'note', 'aria-live': 'polite' });
    this.alert = el('div', { className: 'note bad', role: 'alert' });
    const price = template.pricing_fields.map((field) => (
      this.#text(`pricing.${field.name}`, field.title, { unit: field.unit, inputMode: 'decimal',
        placeholder: field.name === template.price_field ? 'the base price' : undefined })));
    const config = template.config_fields.map((field) => this.#configField(field));
    const limits = this.#text('max_concurrent', 'Jobs at a time', { unit: '1 to 10', inputMode: 'numeric' });
    const capabilities = this.#text('capabilities', 'Capabilities', { unit: 'separated by commas' });
    this.save = el('button', { type: 'submit', className: 'main' }, 'Save');
    this.useTemplate = el('button', { type: 'button' }, 'Use the template');
    this.undo = el('button', { type: 'button' }, 'Undo');
    this.remove = el('button', { type: 'button', className: 'plain' }, 'Remove');
    const form = el('form', { noValidate: true },
      el('label', { className: 'switch', for: id('enabled') }, this.enabled, 'Offered to coordinators'),
      el('div', { className: 'fields-row' }, ...price, ...config, limits, capabilities),
      this.summary, this.alert,
      el('div', { className: 'buttons' }, this.save, this.useTemplate, this.undo, this.remove));
    this.#listen(form);
    return el('section', { className: 'card', 'aria-labelledby': id('title'), 'data-service': this.type },
      el('div', { className: 'head' }, el('h2', { id: id('title') }, template.title), this.state),
      el('p', { className: 'soft small' }, `${template.description}.`), form);
  }

  #listen(form) {
    form.addEventListener('input', () => this.#changed());
    form.addEventListener('submit', (event) => { event.preventDefault(); this.#write(); });
    this.useTemplate.addEventListener('click', () => {
      this.#show({ ...this.template, version: this.held.version });
      this.#changed();
    });
    this.undo.addEventListener('click', () => { this.#fill(this.held); this.#changed(); });
    this.remove.addEventListener('click', () => this.#delete());
  }

  #configField(field) {
    const name = `config.${field.name}`;
    if (field.kind === 'bool') return this.#bool(name, field.title);
    const known = this.template.models.filter(() => field.name === 'models');
    if (field.kind === 'texts' && known.length > 0) return this.#models(name, field.title, known);
    const range = field.min !== null && field.max !== null ? `${amount(field.min)} to ${amount(field.max)}` : undefined;
    const unit = field.kind === 'texts' ? 'separated by commas' : range;
    const inputMode = { integer: 'numeric', number: 'decimal' }[field.kind];
    return this.#text(name, field.title, { unit, inputMode, kind: field.kind });
  }

  /** A field's surroundings: its label, and below it what is wrong and what is advised. */
  #text(name, title, { unit, inputMode, kind, placeholder }) {
    const id = `${this.type}-${name}`;
    const input = el('input', { id, autocomplete: 'off', 'aria-describedby': `${id}-said`, spellcheck: false, placeholder });
    if (inputMode) input.inputMode = inputMode;
    const said = el('div', { id: `${id}-said`, 'aria-live': 'polite' });
    const isList = kind === 'texts' || name === 'capabilities';
    const isNumber = ['integer', 'number', 'any'].includes(kind) || name === 'max_concurrent' || name.startsWith('pricing.');
    this.fields.set(name, {
      title, said, marked: [input],
      read: () => (isList ? list(input.value) : isNumber ? number(input.value) : input.value.trim() || undefined),
      write: (value) => { input.value = isList ? (value ?? []).join(', ') : shown(value); },
    });
    return el('div', {},
      el('label', { for: id }, title, unit ? el('span', { className: 'unit' }, `, ${together(unit)}`) : ''), input, said);
  }

  #bool(name, title) {
    const id = `${this.type}-${name}`;
    const input = el('input', { type: 'checkbox', id, 'aria-describedby': `${id}-said` });
    const said = el('div', { id: `${id}-said`, 'aria-live': 'polite' });
    this.fields.set(name, {
      title, said, marked: [input], read: () => input.checked, write: (value) => { input.checked = value === true; },
    });
    return el('div', {}, el('label', { className: 'check', for: id }, input, title), said);
  }

  /** Boxes for the models that the hub knows, with the memory that each wants, and a field for others. */
  #models(name, title, known) {
    const id = `${this.type}-${name}`;
    const boxes = known.map((model) => el('input', { type: 'checkbox', value: model.name }));
    const others = el('input', { id, autocomplete: 'off', spellcheck: false, 'aria-describedby': `${id}-said` });
    const said = el('div', { id: `${id}-said`, 'aria-live': 'polite' });
    const names = new Set(known.map((model) => model.name));
    this.fields.set(name, {
      title, said, marked: [others],
      read: () => [...boxes.filter((box) => box.checked).map((box) => box.value), ...list(others.value)],
      write: (value) => {
        const chosen = Array.isArray(value) ? value : [];
        boxes.forEach((box) => { box.checked = chosen.includes(box.value); });
        others.value = chosen.filter((model) => !names.has(model)).join(', ');
      },
    });
    return el('fieldset', { className: 'models' }, el('legend', {}, title),
      el('div', { className: 'boxes' }, ...known.map((model, index) => el('label', { className: 'check' },
        boxes[index], model.name, el('span', { className: 'unit' }, `${amount(model.vram_gb)} GB`)))),
      el('label', { for: id }, 'Other models', el('span', { className: 'unit' }, ', separated by commas')), others, said);
  }

  // From the fields to a body and back.

  /** Shows `service` and takes it for what is saved. */
  #fill(service) {
    this.#show(service);
    this.filled = JSON.stringify(this.#body());
  }

  #show(service) {
    this.base = service;
    this.enabled.checked = service.enabled;
    for (const [name, field] of this.fields) field.write(valueAt(service, name));
  }

  /** As it is sent. Members that this page has no field for stay as they are. */
  #body() {
    const body = {
      enabled: this.enabled.checked, config: { ...this.base.config }, pricing: { ...this.base.pricing },
      capabilities: [], max_concurrent: 1,
    };
    for (const [name, field] of this.fields) {
      const [first, member] = name.split('.');
      const value = field.read();
      if (member === undefined) body[first] = value ?? null;
      else if (isNothing(value) && valueAt(this.base, name) === undefined) delete body[first][member];
      else if (value === undefined) delete body[first][member];
      else body[first][member] = value;
    }
    return body;
  }

  // What the hub says.

  #changed() {
    this.#showState();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#validate(), VALIDATE_MILLISECONDS);
  }

  #showState() {
    const { isChanged } = this;
    const saved = this.held.version === 0 ? 'Never set' : `Saved ${moment(this.held.updated_at)}`;
    setText(this.state, isChanged ? 'Not saved yet' : saved);
    this.undo.disabled = !isChanged;
    this.remove.hidden = this.held.version === 0;
    this.node.dataset.state = isChanged ? 'changed' : 'saved';
  }

  async #validate() {
    const body = this.#body();
    const asked = JSON.stringify(body);
    this.asked = asked;
    const answer = await this.ask(`/v1/services/validate/${encodeURIComponent(this.type)}`, { method: 'POST', body });
    if (this.asked !== asked) return;
    this.#clear();
    if (answer.status === 200) this.#showValidation(answer.json);
    else if (answer.status === 422) this.#showErrors(answer.json?.errors ?? []);
    this.node.dataset.validated = asked;
  }

  #clear() {
    for (const field of this.fields.values()) {
      field.said.replaceChildren();
      for (const input of field.marked) input.removeAttribute('aria-invalid');
    }
    this.summary.replaceChildren();
    this.summary.className = 'note';
  }

  #showErrors(errors) {
    const rest = errors.filter((error) => !this.#say(error.field, error.detail, 'problem'));
    this.#summarise('bad', ['This cannot be saved yet.', ...rest.map((error) => error.detail)]);
  }

  #showValidation(validation) {
    const rest = validation.findings
      .filter(({ field, level, message }) => !this.#say(field, message, level === 'error' ? 'problem' : 'advice'))
      .map((finding) => finding.message);
    const missing = validation.missing_requirements.map(({ component, have, need, unit }) => (
      `${component}: has ${have ?? 'none'}, wants ${need} ${unit}`));
    const impact = validation.performance_impact;
    const slow = impact.level === 'none' ? [] : [`Expected effect on speed: ${impact.level}, because of ${impact.bottleneck}.`];
    const kind = !validation.valid ? 'bad' : validation.warnings.length > 0 ? 'warn' : 'good';
    const first = validation.valid ? `Fits this miner's hardware: ${validation.score} of 100.`
      : `This miner's hardware is not enough: ${validation.score} of 100.`;
    this.#summarise(kind, [first, ...rest, ...missing, ...slow]);
  }

  /** Says something beside a field. @returns whether there is such a field */
  #say(name, text, kind) {
    const field = this.fields.get((name ?? '').replace(/\[\d+\]$/, ''));
    if (!field) return false;
    // The hub names fields as programs do; here they are called what stands above them.
    field.said.append(el('p', { className: kind }, text.startsWith(`${name} `) ? field.title + text.slice(name.length) : text));
    if (kind === 'problem') for (const input of field.marked) input.setAttribute('aria-invalid', 'true');
    return true;
  }

  #summarise(kind, [first, ...rest]) {
    this.summary.className = `note ${kind}`;
    this.summary.replaceChildren(first, ...(rest.length === 0 ? []
      : [el('ul', {}, ...rest.map((text) => el('li', {}, text)))]));
  }

  // Saving.

  async #write() {
    this.alert.replaceChildren();
    this.save.disabled = true;
    const body = this.#body();
    const answer = await this.ask(this.#path, { method: 'POST', body, tag: `"${this.held.version}"` });
    this.save.disabled = false;
    if (answer.status === 200) {
      this.held = answer.json;
      // Whatever was typed meanwhile stays, and isn't saved.
      if (JSON.stringify(this.#body()) === JSON.stringify(body)) this.#fill(this.held);
      else this.filled = JSON.stringify(body);
      this.#showState();
      this.#validate();
    } else if (answer.status === 412) {
      await this.#conflict();
    } else if (answer.status === 422) {
      this.#clear();
      this.#showErrors(answer.json?.errors ?? []);
      this.node.querySelector('[aria-invalid=true]')?.focus();
    } else {
      this.alert.replaceChildren(`Not saved. ${trouble(answer)}`);
    }
  }

  async #delete() {
    if (!window.confirm(`Remove the settings of ${this.template.title}?`)) return;
    this.alert.replaceChildren();
    const answer = await this.ask(this.#path, { method: 'DELETE', tag: `"${this.held.version}"` });
    if (answer.status === 200) {
      this.held = NEVER_SET;
      this.#fill(this.held);
      this.#clear();
      this.#showState();
    } else if (answer.status === 412) {
      await this.#conflict();
    } else {
      this.alert.replaceChildren(`Not removed. ${trouble(answer)}`);
    }
  }

  /** Somebody else saved this service. Nothing typed is lost: the owner chooses. */
  async #conflict() {
    const answer = await this.ask(this.#path, {});
    if (answer.status !== 200) {
      this.alert.replaceChildren(`Not saved: it was changed elsewhere meanwhile. ${trouble(answer)}`);
      return;
    }
    const theirs = answer.json;
    const mine = el('button', { type: 'button' }, 'Save mine over it');
    const load = el('button', { type: 'button' }, 'Show what is saved');
    mine.addEventListener('click', () => { this.held = theirs; this.#write(); });
    load.addEventListener('click', () => {
      this.held = theirs;
      this.alert.replaceChildren();
      this.#fill(theirs);
      this.#changed();
      this.enabled.focus();
    });
    this.alert.replaceChildren(
      `Not saved: this service was changed elsewhere, ${moment(theirs.updated_at)}. What you typed is still here.`,
      differences(this.#body(), theirs), el('div', { className: 'buttons' }, mine, load));
  }
}

/** What differs between two states of a service, as a list. */
function differences(mine, theirs) {
  const names = new Set(['enabled', 'capabilities', 'max_concurrent']);
  for (const part of ['pricing', 'config']) {
    for (const member of Object.keys({ ...mine[part], ...theirs[part] })) names.add(`${part}.${member}`);
  }
  const rows = [...names].map((name) => [name, valueAt(mine, name), valueAt(theirs, name)])
    .filter(([, left, right]) => JSON.stringify(left) !== JSON.stringify(right));
  return el('ul', {}, ...rows.map(([name, left, right]) => (
    el('li', {}, `${name}: yours ${shown(left) || 'nothing'}, saved ${shown(right) || 'nothing'}`))));
}

function valueAt(service, name) {
  const [first, member] = name.split('.');
  return member === undefined ? service[first] : service[first]?.[member];
}

const isNothing = (value) => value === undefined || value === false || (Array.isArray(value) && value.length === 0);

/** A short last word stays on the line of the one before it. */
const together = (text) => text.replace(/ (?=\S{1,3}$)/, '\u00a0');

const list = (text) => text.split(',').map((word) => word.trim()).filter((word) => word !== '');

/** A number where the text is one that JSON keeps exactly; else the text, for the hub to judge. */
function number(text) {
  const word = text.trim();
  if (word === '') return undefined;
  return String(Number(word)) === word && Number.isFinite(Number(word)) ? Number(word) : word;
}

function shown(value) {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return price(value);
  return Array.isArray(value) || typeof value === 'object' ? JSON.stringify(value) : String(value);
}
