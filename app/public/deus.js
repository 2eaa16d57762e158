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

  // A new conversation gets its address at once, so that a reload in the middle finds it again.
  window.addEventListener('message', (event) => {
    const said = event.data;
    if (event.origin !== location.origin || !said || said.deus !== 'thread') return;
    if (location.pathname === '/') history.replaceState(history.state, '', `/thread/${said.id}`);
  });
})();
