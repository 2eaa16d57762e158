// The page's own small additions to Chainlit: follow the system's theme, keep the address of a conversation, and open
// evidence where a citation is clicked.
(() => {
  const THEME = 'vite-ui-theme';
  if (!localStorage.getItem(THEME)) localStorage.setItem(THEME, 'system');

  const dark = matchMedia('(prefers-color-scheme: dark)');
  const wear = () => {
    const chosen = localStorage.getItem(THEME) || 'system';
    const now = chosen === 'system' ? (dark.matches ? 'dark' : 'light') : chosen;
    const root = document.documentElement;
    root.classList.remove('light', 'dark');
    root.classList.add(now);
    for (const [name, value] of Object.entries((window.theme || {})[now] || {})) root.style.setProperty(name, value);
  };
  wear();
  dark.addEventListener('change', wear);

  // Services as their makers write them; others with a capital letter.
  const makers = { github: 'GitHub', posthog: 'PostHog', pagerduty: 'PagerDuty' };
  window.deusName = (name) => makers[name] || (name ? name[0].toUpperCase() + name.slice(1) : '');

  // A citation is a link to #evidence/RUN/ID; its run's plan listens and opens the panel.
  document.addEventListener(
    'click',
    (event) => {
      const link = event.target.closest && event.target.closest('a[href*="#evidence/"]');
      if (!link) return;
      event.preventDefault();
      event.stopPropagation();
      const [run, evidence] = link.getAttribute('href').split('#evidence/')[1].split('/');
      window.dispatchEvent(new CustomEvent('deus:evidence', { detail: { run, evidence, number: link.textContent } }));
    },
    true
  );

  // What waits for a yes, and who wants a person: a number at the link to all of it; a word at each that waits.
  const marks = document.head.appendChild(document.createElement('style'));
  const look = async () => {
    if (document.hidden || location.pathname.startsWith('/login')) return;
    const [answer, asked] = await Promise.all(
      ['/api/approvals/open', '/api/inbox?state=waiting&limit=99'].map((url) => fetch(url).catch(() => null))
    );
    if (!answer || !answer.ok) return;
    const { open, conversations } = await answer.json();
    const wanted = asked && asked.ok ? (await asked.json()).conversations.length : 0;
    const waits = Object.entries(conversations).filter(([id]) => /^[0-9a-f-]{36}$/i.test(id)).map(
      ([id, n]) => `[data-sidebar=sidebar] a[href="/thread/${id}"]::after { content: "waits for ${n === 1 ? 'a yes' : `${Number(n)} yeses`}"; }`
    );
    const counted = [['/approvals', open], ['/inbox', wanted]].filter(([, n]) => n);
    const counts = counted.map(([page, n]) => `a[href="${page}"]::after { content: "${Number(n)}"; }`);
    marks.textContent = [...counts, ...waits].join('\n');
  };
  look();
  setInterval(look, 30000);
  document.addEventListener('visibilitychange', look);
  window.addEventListener('deus:decided', look);

  // What a running call in a sandbox writes: the last of it, by run and call, for whoever shows it.
  const live = (window.deusLive = {});

  // Words of program text, so that it is read with ease: [kind, text] each. It knows no language well.
  const hash = /^(py|rb|sh|bash|ya?ml|toml|python|ruby|r|ini|cfg|conf|dockerfile|makefile)$/i;
  const KEYWORDS = new Set(
    ('and as assert async await break case catch class const continue def defer del do elif else enum except export extends false False finally fn for from func function ' +
      'global go if impl import in instanceof interface is lambda let match mut new nil None nonlocal not null or package pass pub raise return self static struct super ' +
      'switch this throw trait true True try type typeof undefined use var void while with yield').split(' ')
  );
  const TOKEN = /("""(?:[^"]|"(?!""))*(?:""")?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|`(?:[^`\\]|\\.)*`?)|(\/\/.*|\/\*.*?(?:\*\/|$)|#.*)|(\b\d[\d_.]*\b)|([A-Za-z_]\w*)/g;
  window.deusInk = (line, path) => {
    const kind = String(path).split('.').pop();
    const parts = [];
    let at = 0;
    if (line.length > 400) return [['', line]];
    for (const found of line.matchAll(TOKEN)) {
      const [text, string, comment, number, name] = found;
      const role = string ? 'string' : comment && (comment[0] === '#') === hash.test(kind) ? 'comment' : number ? 'number' : name && KEYWORDS.has(name) ? 'keyword' : '';
      if (!role) continue;
      if (found.index > at) parts.push(['', line.slice(at, found.index)]);
      parts.push([role && `ink-${role}`, text]);
      at = found.index + text.length;
    }
    if (at < line.length) parts.push(['', line.slice(at)]);
    return parts;
  };

  // A diff's files, each of which opens and closes. `h` is React's createElement; every text is a text.
  const opened = (window.deusOpened = {});
  const SIGNS = { added: '+', removed: '−' };
  const STATES = { added: 'new', removed: 'removed', renamed: 'renamed' };
  const row = (h, path) => ([kind, was, now, text], i) =>
    h('tr', { key: i, className: kind },
      h('td', { className: 'n' }, was), h('td', { className: 'n' }, now),
      h('td', { className: 'sign' }, SIGNS[kind] || ' '),
      h('td', null, h('code', null, kind === 'hunk' || kind === 'note' ? text : window.deusInk(text, path).map(([ink, word], n) => h('span', { key: n, className: ink || undefined }, word)), text ? '' : ' ')));
  window.deusFiles = (h, files, { name, whole, folded, redraw }) =>
    files.map((file, i) => {
      const key = `${name}/${file.path}`;
      const open = opened[key] ?? (!folded && i < 8);
      return h('details', { key, open, className: 'deus-file', 'data-state': file.state,
        onToggle: ({ currentTarget }) => { if (currentTarget.open !== open) { opened[key] = currentTarget.open; redraw(); } } },
      h('summary', null,
        h('span', { className: 'deus-path' }, file.was && file.was !== file.path ? `${file.was} → ${file.path}` : file.path),
        STATES[file.state] ? h('span', { className: 'deus-chip' }, STATES[file.state]) : null,
        h('span', { className: 'deus-plus' }, `+${file.added}`), h('span', { className: 'deus-minus' }, `−${file.removed}`)),
      open ? h('div', { className: 'deus-scroll', tabIndex: 0, role: 'region', 'aria-label': `Changes in ${file.path}` },
        h('table', { className: 'deus-lines' }, h('tbody', null, file.lines.map(row(h, file.path))))) : null,
      open && file.hidden ? h('a', { className: 'deus-rest', href: whole, target: '_blank', rel: 'noopener noreferrer' },
        file.lines.length ? `${file.hidden.toLocaleString()} more lines: look at all of it` : 'Look at it') : null);
    });

  // A new conversation gets its address at once, so that a reload in the middle finds it again.
  window.addEventListener('message', (event) => {
    const said = event.data;
    if (event.origin !== location.origin || !said) return;
    if (said.deus === 'output') {
      live[`${said.run}/${said.call}`] = String(said.text);
      window.dispatchEvent(new CustomEvent('deus:output', { detail: `${said.run}/${said.call}` }));
      return;
    }
    if (said.deus !== 'thread') return;
    if (location.pathname === '/') history.replaceState(history.state, '', `/thread/${said.id}`);
  });
})();
