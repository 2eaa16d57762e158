import { createElement, useEffect, useState } from 'react';
import { Check, CircleHelp, Clock, ExternalLink, LoaderCircle, Pencil, TriangleAlert, Undo2, X } from 'lucide-react';

const TIME = { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
const when = (at) => new Date(at).toLocaleString([], TIME);

// Elements are compiled anew at each change, so what the reader does is kept outside.
const kept = (window.deusAsks = window.deusAsks || {});

function Value({ text, block, kind }) {
  if (text === null || text === undefined) return null;
  if (!block) return <span className={`deus-value ${kind}`}>{text}</span>;
  return <div className={`deus-text ${kind}`} tabIndex={text.length > 900 ? 0 : undefined}>{text}</div>;
}

function Patch({ row, name }) {
  const [, draw] = useState(0);
  const { files, added, removed } = row.diff;
  return (
    <div data-patch="true">
      <dt>{row.label}</dt>
      <dd>
        <span className="deus-soft">{files.length} {files.length === 1 ? 'file' : 'files'} <span className="deus-plus">+{added}</span> <span className="deus-minus">−{removed}</span></span>
        {window.deusFiles(createElement, files, { name, whole: `/approvals#${name}`, redraw: () => draw((n) => n + 1) })}
      </dd>
    </div>
  );
}

function Rows({ rows, name }) {
  return (
    <dl className="deus-diff">
      {rows.map((row, i) => (row.diff ? <Patch key={i} row={row} name={name} /> : (
        <div key={i} data-block={row.block}>
          <dt>{row.label}</dt>
          <dd>
            <Value text={row.before} block={row.block} kind="was" />
            {row.before !== null && !row.block ? <span className="deus-arrow" aria-label="becomes">→</span> : null}
            {row.after !== null ? <Value text={row.after} block={row.block} kind={row.verdict || (row.before === null ? 'new' : 'will')} />
              : <span className="deus-soft">nothing</span>}
          </dd>
        </div>
      )))}
    </dl>
  );
}

function Place({ target, service }) {
  const name = [target.kind, target.title].filter(Boolean).join(' ');
  return (
    <span className="deus-place">
      <span className="deus-chip">{window.deusName(service)}</span>
      {target.url ? <a href={target.url} target="_blank" rel="noopener noreferrer">{name}<ExternalLink className="deus-mark" /></a> : <span className="deus-soft">{name}</span>}
    </span>
  );
}

function Quote({ source }) {
  return (
    <blockquote>
      <span className="deus-text">{source.excerpt}</span>
      <cite>
        {[window.deusName(source.service), source.title].filter(Boolean).join(' · ')}
        {source.url ? <> · <a href={source.url} target="_blank" rel="noopener noreferrer">open</a></> : null}
      </cite>
    </blockquote>
  );
}

function Sources({ all }) {
  if (!all.length) return null;
  const quoted = all.filter((one) => one.quoted);
  const named = all.filter((one) => !one.quoted);
  return (
    <div className="deus-untrusted">
      <p><b>It builds on text from outside.</b> Nobody here vouches for it, so read it as a stranger’s words.</p>
      {quoted.slice(0, 2).map((source, i) => <Quote source={source} key={i} />)}
      {quoted.length > 2 ? <details><summary>{`${quoted.length - 2} more`}</summary>{quoted.slice(2).map((source, i) => <Quote source={source} key={i} />)}</details> : null}
      {named.length ? (
        <p className="deus-named">Named there:{' '}
          {named.map((one, i) => (
            <span key={i}>{i ? ', ' : ''}{one.url ? <a href={one.url} target="_blank" rel="noopener noreferrer">{one.title}</a> : one.title}{one.service ? ` (${window.deusName(one.service)})` : ''}</span>
          ))}
        </p>
      ) : null}
    </div>
  );
}

function Why({ ask }) {
  return (
    <div className="deus-why">
      {ask.warnings.map((text, i) => <p className="deus-warn" key={i}><TriangleAlert className="deus-mark" />{text}</p>)}
      {ask.people.length ? <p><b>Who will read it</b> {ask.people.join(', ')}{ask.affects > 1 ? ` (${ask.affects.toLocaleString()} in all)` : ''}</p>
        : ask.affects > 1 ? <p><b>How many it touches</b> {ask.affects.toLocaleString()}</p> : null}
      {ask.why.length ? <p><b>Why you are asked</b> {ask.why.join(' ')}</p> : null}
      <p><b>Risk</b> {[ask.risk.level, ...ask.risk.reasons].join('. ')}</p>
      <Sources all={ask.sources} />
      <p><b>Taking it back</b> {ask.undo || 'This cannot be taken back.'}</p>
    </div>
  );
}

function Field({ field, value, set, id }) {
  const more = { id, value, required: field.required, onChange: (event) => set(event.target.value) };
  if (field.choices.length) return <select {...more}>{field.choices.map((one) => <option key={one} value={one}>{one || '–'}</option>)}</select>;
  if (field.kind === 'text' || field.kind === 'list' || field.kind === 'json') return <textarea {...more} rows={field.kind === 'text' ? Math.min(14, value.split('\n').length + 2) : 2} />;
  return <input {...more} type="text" inputMode={field.kind === 'number' ? 'decimal' : undefined} />;
}

function Form({ ask, state, update, run }) {
  const filled = state.filled || Object.fromEntries(ask.form.map((field) => [field.name, field.value]));
  return (
    <form className="deus-form" onSubmit={(event) => { event.preventDefault(); run({ name: 'edit', payload: { id: ask.id, filled } }); }}>
      {ask.form.map((field) => (
        <div key={field.name}>
          <label htmlFor={`${ask.id}-${field.name}`}>{field.label}{field.required ? '' : <span className="deus-soft"> (may be empty)</span>}</label>
          <Field field={field} id={`${ask.id}-${field.name}`} value={filled[field.name]} set={(value) => update({ filled: { ...filled, [field.name]: value } })} />
          {field.help || field.kind === 'list' ? <small>{[field.help, field.kind === 'list' ? 'one a line' : ''].filter(Boolean).join('; ')}</small> : null}
        </div>
      ))}
      <div className="deus-buttons">
        <button type="submit" className="deus-yes" disabled={state.busy}>Show the change</button>
        <button type="button" onClick={() => update({ editing: false, filled: null, error: '' })}>Leave it as it is</button>
        <small>Nothing is done yet: you are shown it again first.</small>
      </div>
    </form>
  );
}

const SETTLED = {
  rejected: (ask) => `Rejected by ${ask.by}. Nothing was done.`,
  expired: () => 'Nobody decided in time, so nothing was done.',
  withdrawn: (ask) => (ask.edited ? `${ask.by} changed it; it is being looked at anew.` : 'This is no longer asked. Nothing was done.')
};

function Ask({ item, single, state, update, run }) {
  const ask = item.ask;
  const open = ask.state === 'requested';
  const decide = (choice) => run({ name: 'decide', payload: { choice, asked: [{ id: ask.id, digest: ask.digest }] } });
  return (
    <article className="deus-ask" data-state={ask.state} aria-label={ask.title}>
      <header>
        <h4>{ask.title}</h4>
        {open && (ask.risk.level === 'high' || ask.risk.level === 'critical') ? <span className="deus-chip deus-risk">{ask.risk.level} risk</span> : null}
        <Place target={ask.target} service={ask.service} />
      </header>
      {open && !state.editing ? <><Rows rows={ask.rows} name={ask.id} /><Why ask={ask} /></> : null}
      {open && state.editing ? <Form ask={ask} state={state} update={update} run={run} /> : null}
      {open && !state.editing ? (
        <div className="deus-buttons">
          <button type="button" className="deus-yes" disabled={state.busy} onClick={() => decide('approve')}>{single ? 'Approve' : 'Approve this one'}</button>
          {ask.form.length ? <button type="button" disabled={state.busy} onClick={() => update({ editing: true, error: '' })}><Pencil className="deus-mark" />Edit</button> : null}
          <button type="button" disabled={state.busy} onClick={() => decide('reject')}><X className="deus-mark" />Reject</button>
          {ask.needed > 1 ? <small>{ask.more} more of {ask.needed} yeses needed</small> : null}
        </div>
      ) : null}
      {ask.state === 'approved' ? (
        <p className="deus-soft deus-settled">
          {item.failure ? <><TriangleAlert className="deus-mark" />Approved by {ask.by}, but it was not done: {item.failure}</>
            : <><LoaderCircle className="deus-mark running" />Approved by {ask.by}. It is being done.</>}
        </p>
      ) : null}
      {SETTLED[ask.state] ? <p className="deus-soft deus-settled">{SETTLED[ask.state](ask)}</p> : null}
      {state.error ? <p className="deus-warn" role="alert"><TriangleAlert className="deus-mark" />{state.error}</p> : null}
    </article>
  );
}

function Receipt({ item, state, run }) {
  const done = item.receipt;
  const back = done.taken_back;
  const undone = back && back.ok;
  return (
    <article className="deus-ask deus-receipt" data-state={undone ? 'undone' : 'done'} aria-label={done.title}>
      <header>
        {undone ? <Undo2 className="deus-mark" aria-label="taken back" /> : <Check className="deus-mark done" aria-label="done" />}
        <h4>{done.url ? <a href={done.url} target="_blank" rel="noopener noreferrer">{done.title || done.ref}<ExternalLink className="deus-mark" /></a> : done.title || done.ref}</h4>
        <span className="deus-chip">{window.deusName(done.service)}</span>
      </header>
      <p>{done.said}</p>
      {undone ? <p><b>Taken back</b> by {back.by}, {when(back.at)}. {back.said}</p> : null}
      <p className="deus-soft">
        {when(done.at)}{done.approved_by.length ? ` · approved by ${done.approved_by.join(', ')}` : ` · allowed by ${done.allowed_by ? `the rule “${done.allowed_by}”` : 'the rules'}`}
        {done.verified ? '' : ` · ${window.deusName(done.service)} could not be asked whether it stands`}
      </p>
      {done.rows.length ? <details><summary>What was changed</summary><Rows rows={done.rows} name={done.id} /></details> : null}
      {back && !back.ok ? (
        <div className="deus-warn" role="alert">
          <TriangleAlert className="deus-mark" />
          <div>{back.said}{back.drift.length ? <dl className="deus-diff">{back.drift.map((one, i) => (
            <div key={i}><dt>{one.label}</dt><dd><span className="deus-value was">{one.before}</span><span className="deus-arrow" aria-label="is now">→</span><span className="deus-value">{one.after}</span></dd></div>
          ))}</dl> : null}</div>
        </div>
      ) : null}
      {!undone && done.undo ? (
        <div className="deus-buttons">
          <button type="button" disabled={state.busy} onClick={() => run({ name: 'undo', payload: { effect: done.id, run: item.run } })}><Undo2 className="deus-mark" />Undo</button>
          <small>{done.undo}{done.undo_until ? ` Until ${when(done.undo_until)}.` : ''}</small>
        </div>
      ) : null}
      {!undone && state.waits ? <p className="deus-soft" role="status"><Clock className="deus-mark" />{state.waits} <a href="/approvals">Look at it</a></p> : null}
      {!undone && !done.undo ? <p className="deus-soft">This cannot be taken back.</p> : null}
      {state.error && !(back && !back.ok) ? <p className="deus-warn" role="alert"><TriangleAlert className="deus-mark" />{state.error}</p> : null}
    </article>
  );
}

export default function Approvals() {
  const [, redraw] = useState(0);
  // An answer may come when this card has been compiled anew: whichever is shown then draws what is kept.
  useEffect(() => {
    const draw = () => redraw((n) => n + 1);
    window.addEventListener('deus:kept', draw);
    return () => window.removeEventListener('deus:kept', draw);
  }, []);
  const put = (name, more) => {
    kept[name] = { ...kept[name], ...more };
    window.dispatchEvent(new Event('deus:kept'));
  };
  const act = (name) => (action) => {
    put(name, { busy: true, error: '', waits: '' });
    callAction(action)
      .then((said) => put(name, { busy: false, ...(said.response || { error: 'Nothing came back. Reload the page and look again.' }) }))
      .catch(() => put(name, { busy: false, error: 'The server could not be reached. Try again in a moment.' }));
  };
  const waits = props.items.filter(({ ask }) => ask && ask.state === 'requested').length;
  useEffect(() => { window.dispatchEvent(new CustomEvent('deus:decided')); }, [waits]);
  const waiting = props.items.filter((item) => !item.receipt && item.ask && item.ask.state === 'requested');
  const done = props.items.filter((item) => item.receipt);
  const all = kept[props.run] || {};
  const decide = (choice) => act(props.run)({ name: 'decide', payload: { choice, asked: waiting.map(({ ask }) => ({ id: ask.id, digest: ask.digest })) } });
  const first = waiting.length ? waiting.reduce((a, b) => (a.ask.expires_at < b.ask.expires_at ? a : b)).ask : null;
  const count = (n) => `${n} ${n === 1 ? 'change' : 'changes'}`;
  return (
    <section className="deus-asks deus-card" data-waiting={waiting.length} aria-label={waiting.length ? 'Waiting for a yes' : 'What was decided'}>
      <header className="deus-asks-head">
        {waiting.length ? <CircleHelp className="deus-mark deus-asking" /> : null}
        <strong aria-live="polite">{waiting.length ? `${count(waiting.length)} ${waiting.length === 1 ? 'waits' : 'wait'} for a yes` : done.length ? `${count(done.length)} made` : 'No change was made'}</strong>
        {first ? (
          <span className="deus-soft"><Clock className="deus-mark" />open for {first.lasts}, until {when(first.expires_at)} · {first.who} may decide</span>
        ) : null}
      </header>
      {props.items.map((item) => {
        const name = item.receipt ? item.receipt.id : item.ask.id;
        const more = { state: { ...kept[name], busy: (kept[name] || {}).busy || all.busy }, update: (change) => put(name, change), run: act(name) };
        return item.receipt ? <Receipt key={name} item={{ ...item, run: props.run }} {...more} />
          : <Ask key={name} item={item} single={props.items.length === 1} {...more} />;
      })}
      {waiting.length > 1 ? (
        <footer className="deus-buttons">
          <button type="button" className="deus-yes" disabled={all.busy} onClick={() => decide('approve')}><Check className="deus-mark" />Approve all {waiting.length}</button>
          <button type="button" disabled={all.busy} onClick={() => decide('reject')}><X className="deus-mark" />Reject all</button>
          {all.error ? <p className="deus-warn" role="alert"><TriangleAlert className="deus-mark" />{all.error}</p> : null}
        </footer>
      ) : null}
    </section>
  );
}
