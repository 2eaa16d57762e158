"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const FILTERS = ["channel", "state", "person"];
  const CHANNELS = { web: "Web", slack: "Slack", teams: "Teams", widget: "Widget", api: "API", cli: "Terminal", test: "Test" };
  const MARKS = { waiting: "○", running: "◐", awaiting: "◇", done: "✓", failed: "✕", skipped: "–" };
  const STATES = { waiting: "waits", running: "under way", awaiting: "waits for a yes", done: "done", failed: "failed", skipped: "left out" };
  const may = document.body.dataset.may === "yes";
  const talks = new Map();
  let order = [], clock = { server: Date.now(), local: Date.now() };
  let list = null, feed = null, open = "", standing = null, drawn = new Map(), fresh = true, low = true;

  const element = (tag, words = {}, ...inner) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(words)) {
      if (name === "class") made.className = value;
      else if (name === "text") made.textContent = value;
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...inner.filter(Boolean));
    return made;
  };
  const channelName = (name) => CHANNELS[name] || (name ? name[0].toUpperCase() + name.slice(1) : "Unknown");
  const now = () => clock.server + (Date.now() - clock.local);
  const ago = (at) => {
    const minutes = Math.max(0, Math.round((now() - Date.parse(at)) / 60000));
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${minutes} min`;
    if (minutes < 2880) return `${Math.round(minutes / 60)} h`;
    return `${Math.round(minutes / 1440)} days`;
  };
  const moment = (at) => new Date(at).toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const filters = () => new URLSearchParams(FILTERS.map((name) => [name, $("filters").elements[name].value]).filter(([, value]) => value));
  const address = (conversation) => {
    const wanted = filters();
    if (conversation) wanted.set("conversation", conversation);
    const query = wanted.toString();
    return `/inbox${query ? `?${query}` : ""}`;
  };
  const tell = (words) => { $("told").textContent = ""; requestAnimationFrame(() => { $("told").textContent = words; }); };

  function standingWords(there) {
    if (there.state === "waiting") return `Wants a person${there.since ? ` · ${ago(there.since)}` : ""}`;
    if (there.state === "taken") return `${there.name || there.by} has it${there.gone ? " · not seen lately" : ""}`;
    return there.state === "closed" ? "Closed" : "Deus answers";
  }

  function row(talk) {
    const unread = talk.unread && talk.conversation !== open;
    const chips = element("span", { class: "chips" },
      element("b", { class: "chip", text: channelName(talk.channel) }),
      element("b", { class: `chip ${talk.state}`, text: standingWords(talk) }),
      talk.status === "running" && element("b", { class: "chip running", text: "working" }),
      talk.approvals > 0 && element("b", { class: "chip asks", text: `${talk.approvals} to approve` }));
    const last = talk.last ? `${talk.last_by ? `${talk.last_by}: ` : "Deus: "}${talk.last}` : "";
    const link = element("a", { href: address(talk.conversation), "data-conversation": talk.conversation },
      element("span", { class: "who" }, element("strong", { text: talk.who }),
        unread && element("i", { class: "dot", role: "img", "aria-label": "unread" }),
        element("time", { text: ago(talk.updated_at), datetime: talk.updated_at })),
      element("span", { class: "subject", text: talk.title }),
      last && last !== `${talk.who}: ${talk.title}` && element("span", { class: "last", text: last }), chips);
    if (talk.why && talk.state === "waiting") link.append(element("span", { class: "why", text: `Why: ${talk.why}` }));
    if (talk.conversation === open) link.setAttribute("aria-current", "true");
    return element("li", { "data-state": talk.state, class: unread ? "unread" : "" }, link);
  }

  function drawList() {
    const at = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.conversation : "";
    $("talks").replaceChildren(...order.map((name) => talks.get(name)).filter(Boolean).map(row));
    if (at) $("talks").querySelector(`a[data-conversation="${CSS.escape(at)}"]`)?.focus();
    $("none").hidden = order.length > 0;
    const waiting = order.filter((name) => talks.get(name)?.state === "waiting").length;
    document.title = `${waiting ? `(${waiting}) ` : ""}Inbox · Deus`;
    const people = $("filters").elements.person, known = new Set([...people.options].map((one) => one.value));
    for (const talk of talks.values())
      for (const [id, name] of [[talk.actor, talk.who], [talk.state === "taken" ? talk.by : "", talk.name]])
        if (id && !known.has(id)) { known.add(id); people.append(element("option", { value: id, text: name || id })); }
  }

  function watchList() {
    list?.close();
    talks.clear();
    list = new EventSource(`/api/inbox/events?${filters()}`);
    list.addEventListener("conversations", (event) => {
      const told = JSON.parse(event.data);
      clock = { server: Date.parse(told.now), local: Date.now() };
      for (const talk of told.changed) {
        const before = talks.get(talk.conversation);
        if (before && before.state !== talk.state && talk.state === "waiting") tell(`${talk.who} wants a person.`);
        talks.set(talk.conversation, talk);
      }
      order = told.order;
      drawList();
      drawHead();
    });
    list.onopen = () => { $("lost").hidden = true; };
    list.onerror = () => {
      $("lost").hidden = false;
      $("lost").textContent = list.readyState === EventSource.CLOSED
        ? "You are signed out, or Deus cannot show this. Reload the page to sign in again."
        : "The connection is lost. It is tried again by itself.";
    };
  }

  function drawHead() {
    const talk = talks.get(open);
    if (talk) {
      $("title").textContent = talk.title;
      $("about").textContent = `${channelName(talk.channel)} · ${talk.who}`;
    }
    const there = standing || talk || { state: "open" };
    $("standing").textContent = standingWords({ ...there, gone: talk?.gone });
    $("standing").className = `chip ${there.state}`;
    const mine = there.state === "taken" && there.by === document.body.dataset.me;
    const others = there.state === "taken" && !mine && !talk?.gone;
    $("take").hidden = !may || mine;
    $("take").disabled = others;
    $("back").hidden = !may || !(mine || there.state === "waiting" || (there.state === "taken" && talk?.gone));
    $("close").hidden = !may || there.state === "closed" || others;
    $("writing").hidden = !mine;
    $("why").hidden = !there.why;
    $("why").replaceChildren(...(there.why ? ["Asked for: ", ...withLinks(there.why)] : []));
    $("reading").hidden = mine;
    $("reading").textContent = !may ? "You may read along. Agents and admins take conversations over."
      : others ? `${there.name || there.by} has this conversation. You may read along.`
      : there.state === "closed" ? "Closed. It opens again when somebody writes."
      : "Deus answers here. Take over to write yourself; Deus then stops what it is doing.";
  }

  // Words that somebody wrote, with the addresses among them as links.
  function withLinks(words) {
    return words.split(/(https?:\/\/[^\s<>"]+)/).map((part, n) => (n % 2 ? linked(part, part) : part));
  }

  function linked(url, words) {
    return element("a", { href: url, text: words, target: "_blank", rel: "noopener noreferrer" });
  }

  function steps(run) {
    if (!run.steps.length) return null;
    const done = run.steps.filter((one) => one.state === "done").length;
    const lines = run.steps.map((one) => element("li", { "data-state": one.state },
      element("i", { text: MARKS[one.state] || "○", role: "img", "aria-label": STATES[one.state] || one.state }), ` ${one.title} `,
      one.services.length > 0 && element("small", { text: one.services.join(", ") })));
    return element("details", { class: "steps", open: run.status === "running" || run.status === "awaiting_approval" },
      element("summary", { text: `${done} of ${run.steps.length} steps done` }), element("ol", {}, ...lines));
  }

  function beside(run) {
    const found = [];
    if (run.work) found.push(element("p", { class: "soft" }, `${run.work.title} `, element("a", { href: run.work.url, text: "All of it" })));
    for (const one of run.drawn) found.push(element("p", { class: "soft", text: [one.title, one.alt].filter(Boolean).join(" – ") }));
    if (run.asks.length) {
      const asked = element("p", { class: "asking" }, element("b", { text: "Waits for a yes: " }), run.asks.join(" · "), " ");
      asked.append(element("a", { href: "/approvals", text: "Decide" }));
      found.push(asked);
    }
    for (const one of run.receipts) found.push(element("p", { class: "done" }, one.url ? linked(one.url, one.title) : one.title));
    if (run.evidence.length) {
      const lines = run.evidence.map((one) => element("li", { value: one.number }, linked(one.url, one.title), " ", element("small", { text: one.service })));
      found.push(element("details", { class: "evidence" }, element("summary", { text: run.evidence.length === 1 ? "1 piece of evidence" : `${run.evidence.length} pieces of evidence` }), element("ol", {}, ...lines)));
    }
    if (may) for (const question of run.next)
      found.push(element("p", {}, element("button", { type: "button", class: "ask", text: question })));
    if (run.trouble) found.push(element("p", { class: "warning", text: run.trouble }));
    return found;
  }

  function drawRun(run) {
    const before = drawn.get(run.run);
    const item = before?.item || element("li", { id: `run-${run.run}` });
    const relayed = run.status === "relayed";
    const parts = [];
    if (run.beside) parts.push(element("p", { class: "note", text: "Looked into for you. The visitor does not see this." }));
    else if (run.question)
      parts.push(element("article", { class: "turn", "aria-label": `${run.who} said` },
        element("header", {}, element("strong", { text: run.who }), " ", element("time", { text: moment(run.at), datetime: run.at })),
        ...(run.quoted.text ? [element("p", { class: "note" }, "About ", run.quoted.url ? linked(run.quoted.url, "a message") : "a message", ":"),
          element("blockquote", { text: run.quoted.text })] : []),
        element("p", { class: "words", text: run.question })));
    if (relayed && run.by === "")
      for (const notice of run.notices) parts.push(element("p", { class: "note", text: notice }));
    else {
      const who = run.by || "Deus";
      const words = element("div", { class: "words" });
      // Made by the server, which lets no tag through that somebody wrote.
      words.innerHTML = run.html;
      const head = element("header", {}, element("strong", { text: who }));
      if (run.status === "running") head.append(element("span", { class: "busy", text: run.html ? " writes…" : " is looking into it…" }));
      if (!relayed) head.append(" ", element("a", { href: `/runs/${encodeURIComponent(run.run)}`, text: "Run", class: "soft" }));
      const notices = relayed ? [] : run.notices.map((one) => element("p", { class: "soft", text: one }));
      parts.push(element("article", { class: run.by ? "person" : "deus", "aria-label": `${who} said` }, head, steps(run), ...notices, words, ...beside(run)));
    }
    const toggled = new Map([...item.querySelectorAll("details")].map((one) => [one.className, one.dataset.toggled ? one.open : null]));
    item.replaceChildren(...parts);
    for (const one of item.querySelectorAll("details")) {
      const was = toggled.get(one.className);
      if (typeof was === "boolean") { one.open = was; one.dataset.toggled = "yes"; }
      one.querySelector("summary").addEventListener("click", () => { one.dataset.toggled = "yes"; });
    }
    if (!fresh && run.said && !before?.said) tell(`${run.by || "Deus"}: ${run.said.slice(0, 300)}`);
    else if (!fresh && !before && run.question) tell(`${run.who}: ${run.question.slice(0, 300)}`);
    else if (!fresh && !before && relayed && run.notices.length) tell(run.notices.join(" "));
    drawn.set(run.run, { item, said: run.said });
    if (!before) $("runs").append(item);
  }

  function show(conversation, focus) {
    feed?.close();
    open = conversation;
    standing = null;
    drawn = new Map();
    fresh = low = true;
    $("runs").replaceChildren();
    $("trouble").hidden = true;
    $("talk").hidden = !conversation;
    $("empty").hidden = Boolean(conversation);
    document.body.classList.toggle("reading", Boolean(conversation));
    $("all").href = address("");
    drawList();
    if (!conversation) return;
    drawHead();
    if (focus) $("title").focus();
    watch();
  }

  // A page that nobody looks at holds no second connection, for browsers have few, and has seen nothing.
  function watch() {
    feed?.close();
    if (!open || document.hidden) return;
    feed = new EventSource(`/api/inbox/${encodeURIComponent(open)}/events`);
    feed.addEventListener("standing", (event) => { standing = JSON.parse(event.data); drawHead(); });
    feed.addEventListener("run", (event) => {
      drawRun(JSON.parse(event.data));
      follow();
    });
    feed.addEventListener("shown", (event) => {
      const kept = new Set(JSON.parse(event.data).runs);
      for (const [run, { item }] of drawn) if (!kept.has(run)) { item.remove(); drawn.delete(run); }
      const wanted = fresh && document.getElementById(location.hash.slice(1));
      if (wanted) { wanted.scrollIntoView(); look(); }
      fresh = false;
    });
    feed.onerror = () => { if (feed.readyState === EventSource.CLOSED) trouble("This conversation is not there any more, or not yours to see."); };
  }

  // Whoever reads the end goes on reading the end.
  function follow() {
    if (low) $("runs").scrollTop = $("runs").scrollHeight;
  }

  function look() {
    low = $("runs").scrollHeight - $("runs").scrollTop - $("runs").clientHeight < 80;
  }

  function trouble(words) {
    $("trouble").hidden = !words;
    $("trouble").textContent = words;
  }

  async function act(name, body) {
    const conversation = open;
    trouble("");
    let answer;
    try {
      answer = await fetch(`/api/inbox/${encodeURIComponent(conversation)}/${name}`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body || {}),
      });
    } catch {
      trouble("Deus could not be reached, so nothing was done. Try again.");
      return false;
    }
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      trouble([said.detail || "That did not work.", said.remedy].filter(Boolean).join(" "));
      return false;
    }
    if (said.state && conversation === open) { standing = said; drawHead(); }
    return true;
  }

  function read() {
    const asked = new URLSearchParams(location.search);
    for (const name of FILTERS) {
      const field = $("filters").elements[name], value = asked.get(name) || "";
      if (value && ![...field.options].some((one) => one.value === value)) field.append(element("option", { value, text: value }));
      field.value = value;
    }
    watchList();
    show(asked.get("conversation") || "", false);
  }

  $("filters").addEventListener("change", () => { history.pushState(null, "", address(open)); watchList(); });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("talks").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-conversation]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    show(link.dataset.conversation, true);
  });
  $("talks").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...$("talks").querySelectorAll("a")], at = links.indexOf(document.activeElement);
    event.preventDefault();
    links[Math.min(links.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  });
  $("all").addEventListener("click", (event) => {
    event.preventDefault();
    const was = open;
    history.pushState(null, "", address(""));
    show("", false);
    $("talks").querySelector(`a[data-conversation="${CSS.escape(was)}"]`)?.focus();
  });
  $("take").addEventListener("click", async () => { if (await act("take")) { $("writing").hidden || $("words").focus(); } });
  $("back").addEventListener("click", async () => { if (await act("hand-back")) $("title").focus(); });
  $("close").addEventListener("click", async () => { if (await act("close")) $("title").focus(); });
  $("writing").addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = $("words").value.trim();
    if (!words) return;
    $("send").disabled = true;
    low = true;
    if (await act("write", { text: words })) $("words").value = "";
    $("send").disabled = false;
    $("words").focus();
  });
  $("words").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); $("writing").requestSubmit(); }
  });
  // What is offered next is asked in the reader's own name, in a conversation of its own.
  $("runs").addEventListener("click", async (event) => {
    const button = event.target.closest("button.ask");
    if (!button) return;
    button.disabled = true;
    const answer = await fetch("/api/runs", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ question: button.textContent, wait: false }),
    }).catch(() => null);
    const said = answer ? await answer.json().catch(() => ({})) : {};
    if (answer?.ok) { location.assign(`/runs/${encodeURIComponent(said.run)}`); return; }
    button.disabled = false;
    trouble(answer ? [said.detail || "That did not work.", said.remedy].filter(Boolean).join(" ") : "Deus could not be reached, so nothing was done. Try again.");
  });
  $("runs").addEventListener("scroll", look);
  new ResizeObserver(follow).observe($("runs"));
  document.addEventListener("visibilitychange", watch);
  addEventListener("popstate", read);
  setInterval(drawList, 60000);
  read();
})();
