/* The help widget. One script, no other request than to the server that it came from.

   <script src="https://help.example/widget.js" data-key="…" async></script>

   It draws itself into a shadow root below <body>. What is shown of a conversation is keyed by its run, so that an event
   that comes twice shows once. Words from the server become text nodes and links, never HTML. */
(() => {
  "use strict";
  const script = document.currentScript;
  const server = new URL(script.src).origin;
  const key = script.dataset.key || "";
  if (window.__widgets?.has(server + key)) return;
  (window.__widgets ??= new Set()).add(server + key);

  const TEXTS = {
    open: "Open help", close: "Close", placeholder: "Ask a question", send: "Send", person: "Talk to a person",
    greeting: "Hello! Ask me anything about our product.", hint: "Answers come from our help pages.",
    working: "Looking through the help pages …", failed: "Something went wrong. Please ask again.",
    sources: "Sources", you: "You",
    waiting: "A person has been asked for and will answer here. You can go on writing.",
    taken: "{name} is here and reads what you write.",
    nobody: "Nobody is here right now. Leave a message, and somebody will write to you.",
    ticket: "Leave a message", ticket_kept: "Your message is kept. Somebody will write to {email}.",
    name: "Name", email: "E-mail", message: "Message", cancel: "Cancel",
    offline: "The connection is lost. Trying again …", slow: "That was too fast. Please wait a moment.",
  };

  const CSS = `
:host { all: initial; position: fixed; z-index: 2147483000; bottom: 0; right: 0; color-scheme: light;
  --a: var(--widget-accent, var(--t-accent, #1f5eff)); --oa: var(--widget-on-accent, var(--t-on-accent, #fff));
  --bg: var(--widget-background, var(--t-background, #fff)); --sf: var(--widget-surface, var(--t-surface, #f1f3f6));
  --tx: var(--widget-text, var(--t-text, #1b1f27)); --mu: var(--widget-muted, var(--t-muted, #5b6472));
  --bd: var(--widget-border, var(--t-border, #d9dee6));
  font: 15px/1.5 var(--widget-font, system-ui, -apple-system, "Segoe UI", sans-serif); color: var(--tx); }
:host([data-mode=dark]) { color-scheme: dark;
  --a: var(--widget-accent, var(--t-accent, #7aa2ff)); --oa: var(--widget-on-accent, var(--t-on-accent, #0d1017));
  --bg: var(--widget-background, var(--t-background, #14171d)); --sf: var(--widget-surface, var(--t-surface, #20252e));
  --tx: var(--widget-text, var(--t-text, #eef1f6)); --mu: var(--widget-muted, var(--t-muted, #a3adbb));
  --bd: var(--widget-border, var(--t-border, #363d49)); }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
.launch { position: fixed; bottom: 20px; right: 20px; width: 56px; height: 56px; border: 0; border-radius: 50%;
  background: var(--a); color: var(--oa); display: grid; place-items: center; box-shadow: 0 4px 16px #0004; }
.left .launch, .left .panel { right: auto; left: 20px; }
.dot { position: absolute; top: 2px; right: 2px; width: 14px; height: 14px; border-radius: 50%; background: #d92d20;
  border: 2px solid var(--bg); }
.panel { position: fixed; bottom: 88px; right: 20px; width: 384px; height: min(620px, calc(100vh - 108px));
  display: flex; flex-direction: column; background: var(--bg); border: 1px solid var(--bd); border-radius: 14px;
  overflow: hidden; box-shadow: 0 12px 40px #0003; animation: rise .16s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
header { display: flex; align-items: center; gap: 10px; padding: 12px 14px; border-bottom: 1px solid var(--bd); }
header img { width: 28px; height: 28px; border-radius: 6px; object-fit: contain; }
h2 { flex: 1; margin: 0; font-size: 16px; font-weight: 600; }
.icon { border: 0; background: none; padding: 6px; border-radius: 8px; display: grid; color: var(--mu); }
.icon:hover { background: var(--sf); }
.talk { position: relative; flex: 1; overflow-y: auto; padding: 14px; overscroll-behavior: contain; }
.list { list-style: none; margin: 0; padding: 0; }
.row { display: flex; flex-direction: column; margin: 0 0 12px; }
.who { font-size: 12px; color: var(--mu); margin: 0 4px 2px; }
.bubble { max-width: 92%; width: fit-content; padding: 9px 12px; border-radius: 12px; background: var(--sf);
  overflow-wrap: anywhere; }
.mine { align-items: flex-end; }
.mine .bubble { background: var(--a); color: var(--oa); white-space: pre-wrap; }
.bubble p, .bubble ul, .bubble ol { margin: 0 0 8px; }
.bubble ul, .bubble ol { padding-left: 20px; list-style: revert; }
.bubble > :last-child { margin-bottom: 0; }
.bubble p { white-space: pre-line; }
.bubble a { color: var(--a); }
.bubble code { font: 13px ui-monospace, monospace; background: var(--bd); padding: 0 3px; border-radius: 4px; }
.mark { font-size: 11px; vertical-align: super; line-height: 0; text-decoration: none; padding: 0 1px; }
.sources { font-size: 13px; color: var(--mu); margin: 6px 4px 0; padding: 0; list-style: none; }
.sources a { color: var(--a); }
.work { color: var(--mu); }
.work::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-right: 8px; border-radius: 50%;
  background: var(--a); animation: beat 1.2s infinite; }
@keyframes beat { 50% { opacity: .25; } }
.note { margin: 0; padding: 8px 14px; font-size: 13px; background: var(--sf); border-top: 1px solid var(--bd); }
footer { border-top: 1px solid var(--bd); padding: 10px 12px; }
.write { display: flex; gap: 8px; align-items: flex-end; }
textarea, input { width: 100%; padding: 8px 10px; background: var(--bg); border: 1px solid var(--bd); border-radius: 9px;
  resize: none; }
textarea { min-height: 40px; max-height: 120px; }
.do { border: 0; border-radius: 9px; padding: 9px 14px; background: var(--a); color: var(--oa); font-weight: 600; }
.do:disabled { opacity: .55; cursor: default; }
.more { display: flex; justify-content: space-between; align-items: baseline; gap: 8px; margin-top: 6px; font-size: 12px;
  color: var(--mu); }
.link { border: 0; background: none; padding: 2px 0; font-size: 13px; color: var(--a); text-decoration: underline; }
form.ticket { display: grid; gap: 8px; }
form.ticket label { display: grid; gap: 2px; font-size: 13px; color: var(--mu); }
form.ticket label > * { color: var(--tx); font-size: 15px; }
form.ticket div { display: flex; gap: 8px; justify-content: flex-end; align-items: center; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 480px) {
  .panel, .left .panel { inset: 0; width: auto; height: auto; border: 0; border-radius: 0; }
  .open .launch { display: none; }
  textarea, input { font-size: 16px; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }`;

  // ---- what is kept: the token and whether anything was said, in the page's own storage or, without it, in memory

  const NAME = `widget:${server}:${key}`;
  let memory = {};
  const kept = () => {
    try { return JSON.parse(localStorage.getItem(NAME)) || {}; } catch { return memory; }
  };
  const keep = (more) => {
    memory = { ...kept(), ...more };
    try { localStorage.setItem(NAME, JSON.stringify(memory)); } catch { /* memory has it */ }
  };
  let user = null;
  try { user = JSON.parse(script.dataset.user || "null"); } catch { console.error("widget: data-user is not JSON"); }
  const who = user ? String(user.id) : "";
  // Somebody else's conversation is not shown to whoever comes next to this browser.
  if ((kept().who || "") !== who) keep({ token: null, said: false, open: false, who });

  // ---- the server

  class Refused extends Error {
    constructor(status, detail, wait) { super(detail); this.status = status; this.wait = wait; }
  }
  async function call(path, { body, token, headers, signal } = {}) {
    const response = await fetch(`${server}/widget/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit", cache: "no-store", signal,
    });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Refused(response.status, problem.detail || "", Number(response.headers.get("Retry-After")) || 0);
  }
  let asking = null;
  const token = async () => {
    if (kept().token) return kept().token;
    asking ??= call("session", { body: { ...(key && { key }), ...(user && { user }) } })
      .then((found) => found.json())
      .then((found) => { keep({ token: found.token, who }); return found.token; })
      .finally(() => { asking = null; });
    return asking;
  };
  /** Asks as the visitor; a token that is no longer taken is asked for anew, once. */
  async function ask(path, options = {}) {
    const used = await token();
    try {
      return await call(path, { ...options, token: used });
    } catch (refused) {
      if (refused.status !== 401) throw refused;
      if (kept().token === used) { keep({ token: null, said: false }); messages.clear(); after = null; greet(); }
      return call(path, { ...options, token: await token() });
    }
  }

  // ---- small pieces of the page

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) {
      if (attribute.startsWith("on")) element.addEventListener(attribute.slice(2), value);
      else if (value === true) element.setAttribute(attribute, "");
      else if (value !== false && value != null) element.setAttribute(attribute, value);
    }
    element.append(...children);
    return element;
  };
  const picture = (path) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", width: 24, height: 24, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }))
      svg.setAttribute(name, value);
    svg.append(document.createElementNS(svg.namespaceURI, "path"));
    svg.firstChild.setAttribute("d", path);
    return svg;
  };
  const away = (url) => /^https?:\/\//i.test(url);
  const link = (url, ...children) => make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...children);

  /** A line of Markdown as nodes: links, bold, emphasis, code, source marks, escapes; all else is text. */
  function inline(text, sources) {
    const nodes = [];
    const form = /\\([\\`*_[\]<>|~#.!()-])|\*\*((?:\\.|[^*\\])+?)\*\*|\[(\d{1,3})\](?!\()|\[((?:\\.|[^\]\\])+)\]\(([^)\s]+)\)|`([^`]+)`|(?<!\w)_((?:\\.|[^_\\])+)_(?!\w)/g;
    let from = 0;
    for (let found; (found = form.exec(text)); from = form.lastIndex) {
      nodes.push(text.slice(from, found.index));
      const [whole, escaped, bold, number, label, url, code, emphasis] = found;
      if (escaped) nodes.push(escaped);
      else if (bold) nodes.push(make("strong", {}, ...inline(bold, sources)));
      else if (number) {
        const source = sources.find((one) => one.number === Number(number));
        if (source) nodes.push(mark(source));
      } else if (label) nodes.push(...(away(url) ? [link(url, ...inline(label, sources))] : inline(label, sources)));
      else if (code) nodes.push(make("code", {}, code));
      else if (emphasis) nodes.push(make("em", {}, ...inline(emphasis, sources)));
      else nodes.push(whole);
    }
    nodes.push(text.slice(from));
    return nodes;
  }
  const mark = (source) => {
    const found = link(source.url, `[${source.number}]`);
    found.className = "mark";
    found.setAttribute("aria-label", `${texts.sources} ${source.number}: ${source.title}`);
    return found;
  };
  /** Markdown as paragraphs and lists. */
  function blocks(text, sources) {
    const found = [];
    for (const part of text.split(/\n{2,}/)) {
      let open = null;
      for (const line of part.trim().split("\n")) {
        const [, number, item] = line.match(/^\s*(?:-|(\d+)\.) (.*)/) || [];
        const kind = item === undefined ? "P" : number ? "OL" : "UL";
        if (open?.tagName !== kind) found.push(open = make(kind, number && number !== "1" ? { start: number } : {}));
        if (kind !== "P") open.append(make("li", {}, ...inline(item, sources)));
        else open.append(open.hasChildNodes() ? "\n" : "", ...inline(line, sources));
      }
    }
    return found.filter((one) => one.textContent);
  }

  // ---- the widget

  let texts = TEXTS, theme = {}, ui = null, opened = false;
  const messages = new Map();

  async function start() {
    try { theme = await (await call("theme.json")).json(); } catch (refused) {
      if (refused.status === 403) { console.error(`widget: ${refused.message}`); return; }
    }
    const wanted = [script.dataset.lang, document.documentElement.lang, navigator.language].filter(Boolean);
    const spoken = wanted.flatMap((one) => [one, one.split("-")[0]]).find((one) => theme.texts?.[one]);
    texts = { ...TEXTS, ...(theme.greeting && { greeting: theme.greeting }), ...theme.texts?.[spoken] };
    draw();
    if (kept().said) load().catch(() => {});
    if (kept().open) show(false);
  }

  function draw() {
    const host = make("div", { id: "help-widget" });
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    ui = { host, root };
    ui.dot = make("span", { class: "dot", hidden: true });
    ui.launch = make("button", { class: "launch", type: "button", "aria-label": texts.open, "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => (opened ? hide() : show(true)) },
      picture("M21 12a8 8 0 0 1-11.6 7.1L4 20l1-4.6A8 8 0 1 1 21 12z"), ui.dot);
    ui.list = make("ol", { class: "list", "aria-label": theme.name || "Help" });
    ui.talk = make("div", { class: "talk", tabindex: "0", role: "region", "aria-label": theme.name || "Help" }, ui.list);
    ui.said = make("div", { class: "said", role: "log", "aria-live": "polite", "aria-relevant": "additions" });
    ui.note = make("p", { class: "note", role: "status", hidden: true });
    ui.text = make("textarea", { rows: "1", "aria-label": texts.placeholder, placeholder: texts.placeholder, maxlength: "4000", onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
    } });
    ui.send = make("button", { class: "do", type: "submit" }, texts.send);
    ui.person = make("button", { class: "link", type: "button", onclick: () => person() }, texts.person);
    ui.write = make("form", { onsubmit: (event) => { event.preventDefault(); send(); } },
      make("div", { class: "write" }, ui.text, ui.send),
      make("div", { class: "more" }, make("span", {}, texts.hint), ui.person));
    ui.ticket = ticketForm();
    const logo = theme.logo ? [make("img", { src: theme.logo, alt: "" })] : [];
    ui.title = make("h2", { id: "title" }, theme.name || "Help");
    ui.panel = make("div", { class: "panel", role: "dialog", "aria-modal": "true", "aria-labelledby": "title", hidden: true, onkeydown: trap },
      make("header", {}, ...logo, ui.title, make("button", { class: "icon", type: "button", "aria-label": texts.close, onclick: () => hide() }, picture("M6 6l12 12M18 6L6 18"))),
      ui.talk, ui.said, ui.note, make("footer", {}, ui.write, ui.ticket));
    ui.frame = make("div", { class: theme.position === "left" ? "left" : "" }, ui.panel, ui.launch);
    root.append(ui.frame);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const paint = () => {
      const mode = !theme.mode || theme.mode === "auto" ? (dark.matches ? "dark" : "light") : theme.mode;
      host.dataset.mode = mode;
      for (const name of ["accent", "on_accent", "background", "surface", "text", "muted", "border"]) {
        const property = `--t-${name.replace("_", "-")}`, colour = theme[mode]?.[name];
        if (colour) host.style.setProperty(property, colour); else host.style.removeProperty(property);
      }
    };
    dark.addEventListener("change", paint);
    paint();
    greet();
    document.body.append(host);
  }

  const greet = () => ui.list.replaceChildren(row("", [make("p", {}, texts.greeting)]));

  function row(name, children, mine = false) {
    const label = name ? [make("span", { class: "who" }, name)] : [];
    return make("li", { class: mine ? "row mine" : "row" }, ...label, make("div", { class: "bubble" }, ...children));
  }

  function show(focus) {
    opened = true;
    keep({ open: true });
    ui.panel.hidden = false;
    ui.dot.hidden = true;
    ui.frame.classList.add("open");
    ui.launch.setAttribute("aria-expanded", "true");
    ui.launch.setAttribute("aria-label", texts.close);
    if (focus) (ui.write.hidden ? ui.ticket.elements[0] : ui.text).focus();
    down();
    if (kept().said) load().catch(() => {});
  }

  function hide() {
    opened = false;
    keep({ open: false });
    ui.panel.hidden = true;
    ui.frame.classList.remove("open");
    ui.launch.setAttribute("aria-expanded", "false");
    ui.launch.setAttribute("aria-label", texts.open);
    ui.launch.focus();
  }

  /** Esc closes; Tab goes round within the dialog. */
  function trap(event) {
    if (event.key === "Escape") { event.stopPropagation(); hide(); }
    if (event.key !== "Tab") return;
    const all = [...ui.panel.querySelectorAll("a[href], button, textarea, input, [tabindex='0']")].filter((one) => !one.disabled && one.offsetParent !== null);
    const [first, last] = [all[0], all.at(-1)];
    const at = ui.root.activeElement;
    if (event.shiftKey ? at === first : at === last) { event.preventDefault(); (event.shiftKey ? last : first).focus(); }
  }

  const low = () => ui.talk.scrollHeight - ui.talk.scrollTop - ui.talk.clientHeight < 80;
  /** To the end, but not past the beginning of what is being read. */
  const down = (first = ui.list.lastChild) => { ui.talk.scrollTop = Math.min(ui.talk.scrollHeight, first.offsetTop - 8); };

  // ---- messages

  /** Shows all that is known of a run, in the place of what was shown of it. */
  function put(message, quiet = false) {
    const stick = low();
    const old = messages.get(message.run);
    const rows = [];
    if (message.question) rows.push(row(texts.you, [message.question], true));
    const answer = body(message);
    if (answer) rows.push(answer);
    const place = old?.rows.at(-1)?.nextSibling ?? null;
    old?.rows.forEach((one) => one.remove());
    if (old) rows.forEach((one) => ui.list.insertBefore(one, place)); else ui.list.append(...rows);
    messages.set(message.run, { ...message, rows });
    const ready = message.state !== "working" && message.text;
    if (ready && !quiet && !(old && old.state !== "working" && old.text === message.text)) tell(message);
    if (stick || !old) down(rows[0]);
  }

  function body(message) {
    const sources = message.citations || [];
    if (message.state === "working" && !message.text) return row("", [make("span", { class: "work" }, texts.working)]);
    if (message.state === "failed" && !message.text) return row("", [make("p", {}, texts.failed)]);
    if (!message.text) return null;
    const found = row(message.by || theme.name || "", blocks(message.text, sources));
    if (sources.length)
      found.append(make("ul", { class: "sources", "aria-label": texts.sources },
        ...sources.map((one) => make("li", {}, `${one.number}. `, link(one.url, one.title)))));
    return found;
  }

  /** Reads an answer out once, when it is whole; the words that stream in are silent. */
  function tell(message) {
    const plain = make("div", {}, ...blocks(message.text, [])).textContent;
    ui.said.append(make("p", {}, `${message.by || theme.name || ""}: ${plain}`));
    while (ui.said.children.length > 3) ui.said.firstChild.remove();
    if (!opened) ui.dot.hidden = false;
  }

  const note = (text) => { ui.note.textContent = text || ""; ui.note.hidden = !text; };
  let standing = "", asked = false;
  function stand({ state, by, available }) {
    const was = standing;
    standing = state;
    ui.person.hidden = state === "taken" || (state === "waiting" && available);
    ui.person.textContent = state === "waiting" ? texts.ticket : texts.person;
    if (state === "taken") note(texts.taken.replace("{name}", by || texts.person));
    else if (state === "waiting") note(available ? texts.waiting : texts.nobody);
    else if (was === "waiting" || was === "taken") note("");
    if (state === "waiting" && !available && asked) ticket(true);
    if (state === "waiting") asked = false;
  }

  // ---- saying something

  const mint = () => (crypto.randomUUID ? crypto.randomUUID() : Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, "0")).join(""));
  let pending = null;
  async function send() {
    const text = ui.text.value.trim();
    if (!text || ui.send.disabled) return;
    // Sent again after a failure it is still the same message.
    pending = pending?.text === text ? pending : { text, id: mint() };
    ui.send.disabled = true;
    try {
      const { run } = await (await ask("messages", { body: pending })).json();
      ui.text.value = "";
      pending = null;
      note(standing === "open" ? "" : ui.note.textContent);
      if (!messages.has(run)) put({ run, question: text, text: "", state: "working", citations: [] });
      keep({ said: true });
      listen();
    } catch (refused) {
      note(refused.status === 429 ? texts.slow : refused.status ? texts.failed : texts.offline);
    } finally {
      ui.send.disabled = false;
      ui.text.focus();
    }
  }

  async function person() {
    if (!messages.size || standing === "waiting") return ticket(true);
    ui.person.disabled = true;
    try {
      asked = true;
      stand(await (await ask("person", { body: {} })).json());
      listen();
    } catch (refused) {
      note(refused.status === 429 ? texts.slow : texts.failed);
    } finally {
      ui.person.disabled = false;
    }
  }

  function ticketForm() {
    const field = (label, name, input) => make("label", {}, label, input);
    const form = make("form", { class: "ticket", hidden: true, "aria-label": texts.ticket, onsubmit: async (event) => {
      event.preventDefault();
      const given = Object.fromEntries(new FormData(form));
      form.mark ??= mint();
      submit.disabled = true;
      try {
        const { run, email } = await (await ask("ticket", { body: { ...given, id: form.mark } })).json();
        form.mark = null;
        form.elements.message.value = "";
        keep({ said: true });
        ticket(false);
        if (!messages.has(run)) put({ run, question: given.message, text: "", state: "working", citations: [] });
        await load(true);
        note(texts.ticket_kept.replace("{email}", email));
      } catch (refused) {
        note(refused.status === 400 ? refused.message : refused.status === 429 ? texts.slow : texts.failed);
      } finally {
        submit.disabled = false;
      }
    } });
    const submit = make("button", { class: "do", type: "submit" }, texts.ticket);
    form.append(
      field(texts.name, "name", make("input", { name: "name", required: true, maxlength: "200", autocomplete: "name", value: user?.name })),
      field(texts.email, "email", make("input", { name: "email", type: "email", required: true, maxlength: "254", autocomplete: "email", value: user?.email })),
      field(texts.message, "message", make("textarea", { name: "message", rows: "3", required: true, maxlength: "3500" })),
      make("div", {}, make("button", { class: "link", type: "button", onclick: () => ticket(false) }, texts.cancel), submit));
    return form;
  }
  function ticket(on) {
    ui.ticket.hidden = !on;
    ui.write.hidden = on;
    if (opened) (on ? ui.ticket.elements[0] : ui.text).focus();
  }

  // ---- what comes back

  let after = null, loading = null, stream = null, tries = 0;
  function load(again = false) {
    if (after !== null && !again) { listen(); return Promise.resolve(); }
    loading ??= (async () => {
      try {
        const found = await (await ask("conversation")).json();
        found.messages.forEach((one) => put(one, !again));
        after = found.after;
        if (found.token) keep({ token: found.token });
        stand(found);
        listen();
      } finally { loading = null; }
    })();
    return loading;
  }

  /** Keeps one stream of events open: after a break it goes on after the last one that came. */
  async function listen() {
    if (stream) return;
    const mine = stream = new AbortController();
    while (stream === mine) {
      let wait = 0;
      try {
        const response = await ask("events", { headers: { "Last-Event-ID": after || "0" }, signal: mine.signal });
        await read(response.body.getReader());
      } catch (refused) {
        if (refused.status === 403 && stream === mine) stream = null;
        wait = refused.wait * 1000 || 0;
      }
      if (stream !== mine) return;
      tries += 1;
      if (tries > 2 && standing !== "waiting") note(texts.offline);
      await pause(Math.max(wait, Math.min(30000, 500 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2)));
    }
  }
  let wake = () => {};
  const pause = (ms) => new Promise((go) => { const timer = setTimeout(go, ms); wake = () => { clearTimeout(timer); go(); }; });
  addEventListener("online", () => wake());
  // A tab that nobody looks at gives its connection up: browsers have only a few for each server.
  let idle = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(idle);
    if (!document.hidden) { if (after !== null) listen(); return; }
    idle = setTimeout(() => { const old = stream; stream = null; old?.abort(); }, 60000);
  });

  async function read(reader) {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (tries) { tries = 0; if (ui.note.textContent === texts.offline) note(""); }
      rest += decoder.decode(value, { stream: true });
      const parts = rest.split("\n\n");
      rest = parts.pop();
      parts.forEach(take);
    }
  }

  function take(frame) {
    const fields = Object.fromEntries(frame.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
    if (!fields.event) return;
    const data = JSON.parse(fields.data);
    if (fields.event === "state") stand(data);
    else if (fields.event === "message") put(data);
    else if (fields.event === "delta") {
      const known = messages.get(data.run);
      // A piece whose beginning is missing waits for the whole message.
      if (known?.state === "working" && data.from <= known.text.length) put({ ...known, text: known.text.slice(0, data.from) + data.text });
    }
    if (fields.id) after = fields.id;
  }

  // Another tab of this page began a conversation, or ended one.
  addEventListener("storage", (event) => {
    if (event.key === NAME && ui && kept().said && kept().token) load().catch(() => {});
  });

  if (document.body) start(); else addEventListener("DOMContentLoaded", start);
})();
