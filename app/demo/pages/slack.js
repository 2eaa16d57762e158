'use strict';
const { user, channel } = document.body.dataset;
const box = document.getElementById('messages');
const modal = document.getElementById('modal');
const trouble = document.getElementById('trouble');
let drawn = '';
let thread = '';

async function send(path, body) {
  const answered = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const said = await answered.json().catch(() => ({}));
  const wrong = said.error || (said.status >= 400 ? `Deus answered ${said.status}.` : '');
  trouble.textContent = wrong;
  return said;
}

async function look() {
  if (!box.contains(document.activeElement) || document.activeElement.tagName !== 'SUMMARY') {
    const answered = await fetch(`page/messages?user=${user}&channel=${channel}`).catch(() => null);
    const html = answered && answered.ok ? await answered.text() : drawn;
    if (html !== drawn) {
      const low = box.scrollHeight - box.scrollTop - box.clientHeight < 80 || !drawn;
      const closed = [...box.querySelectorAll('details:not([open])')].map((one) => one.closest('article').dataset.ts);
      drawn = html;
      box.innerHTML = html;
      closed.forEach((ts) => box.querySelector(`article[data-ts="${ts}"] details`)?.removeAttribute('open'));
      if (low) box.scrollTop = box.scrollHeight;
    }
  }
  setTimeout(look, 700);
}

async function say(text) {
  const command = text.match(/^(\/\S+)\s*([\s\S]*)$/);
  if (command) return open(await send('page/command', { user, channel, command: command[1], text: command[2] }));
  const said = await send('say', { user, channel, text, thread_ts: thread || null });
  if (said.ok) await send('page/tell', { user, channel, ts: said.ts });
}

async function open(said) {
  if (!said.trigger) return;
  for (let n = 0; n < 12; n++) {
    const answered = await fetch(`page/modal?trigger=${said.trigger}`);
    if (answered.status === 200) {
      modal.innerHTML = await answered.text();
      modal.showModal();
      return;
    }
    await new Promise((done) => setTimeout(done, 150));
  }
}

async function press(button) {
  if (button.dataset.confirm) {
    const asked = JSON.parse(button.dataset.confirm);
    if (!window.confirm(`${asked.title.text}\n\n${asked.text.text}`)) return;
  }
  if (button.dataset.url) window.open(button.dataset.url, '_blank', 'noopener');
  const message = button.closest('article');
  button.disabled = true;
  const action = JSON.parse(button.dataset.action);
  await open(await send('page/press', { user, channel: message?.dataset.channel || channel, ts: message?.dataset.ts, action }));
  button.disabled = false;
}

box.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if ('reply' in button.dataset) {
    thread = button.closest('section').dataset.thread;
    document.querySelectorAll('section.chosen').forEach((one) => one.classList.remove('chosen'));
    button.closest('section').classList.add('chosen');
    const words = document.getElementById('words');
    words.placeholder = 'Reply in the thread';
    words.focus();
  } else press(button);
});

modal.addEventListener('click', (event) => {
  if ('close' in event.target.dataset) modal.close();
});

modal.addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const values = {};
  for (const field of form.querySelectorAll('[data-kind]')) {
    values[field.name] = { action: field.dataset.actionId, kind: field.dataset.kind, value: field.value };
  }
  form.querySelectorAll('.wrong').forEach((one) => { one.textContent = ''; });
  const { said = {}, status } = await send('page/submit', { user, view: form.dataset.view, values });
  if (said.response_action === 'errors') {
    for (const [name, words] of Object.entries(said.errors)) form.querySelector(`.wrong[data-for="${CSS.escape(name)}"]`).textContent = words;
    form.querySelector(`[name="${CSS.escape(Object.keys(said.errors)[0])}"]`).focus();
  } else if (status === 200) modal.close();
});

document.getElementById('person').addEventListener('change', (event) => {
  const place = channel.startsWith('D') ? '' : `&channel=${channel}`;
  location.search = `?user=${event.target.value}${place}`;
});

const compose = document.getElementById('compose');
if (compose) {
  const words = document.getElementById('words');
  compose.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = words.value.trim();
    if (!text) return;
    words.value = '';
    await say(text);
    thread = '';
    words.placeholder = words.previousElementSibling.textContent;
  });
  words.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); compose.requestSubmit(); }
  });
}
if (channel === 'home') send('page/home', { user });
look();
