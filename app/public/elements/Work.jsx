import { useEffect, useRef, useState } from 'react';
import { Check, ChevronDown, ChevronRight, CircleSlash, LoaderCircle, MessageSquare, Square, TriangleAlert, X } from 'lucide-react';

// Elements are compiled anew at each change, so what the reader does is kept outside.
const kept = (window.deusWork = window.deusWork || { open: {}, fetched: {}, focus: '', stops: {} });

function Mark({ call }) {
  if (!call.word) return <MessageSquare className="deus-mark" aria-label="says" />;
  if (call.state === 'done') return <Check className="deus-mark done" aria-label="done" />;
  if (call.state === 'failed') return <X className="deus-mark failed" aria-label="failed" />;
  if (call.state === 'cut') return <CircleSlash className="deus-mark" aria-label="cut short" />;
  return <LoaderCircle className="deus-mark running" aria-label="running" />;
}

function time(ms) {
  if (ms === null || ms === undefined) return '';
  return ms < 950 ? `${Math.max(ms, 1)} ms` : ms < 99500 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`;
}

// What a running call writes comes past React: its text is set as text, never as markup.
function Live({ call }) {
  const box = useRef(null);
  useEffect(() => {
    const name = `${props.run}/${call.id}`;
    const show = () => {
      if (!box.current) return;
      box.current.textContent = (window.deusLive || {})[name] || '';
      box.current.hidden = !box.current.textContent;
      box.current.scrollTop = box.current.scrollHeight;
    };
    const hear = ({ detail }) => { if (detail === name) show(); };
    show();
    window.addEventListener('deus:output', hear);
    return () => window.removeEventListener('deus:output', hear);
  }, []);
  return <pre className="deus-out live" ref={box} hidden tabIndex={0} role="log" aria-live="off" aria-label={`Output of ${call.word}`} />;
}

function Output({ call, id }) {
  const name = `${props.run}/${call.id}`;
  const [text, setText] = useState(call.output || kept.fetched[name] || '');
  useEffect(() => {
    if (text || !call.more) return;
    fetch(`/api/runs/${encodeURIComponent(props.run)}/calls/${encodeURIComponent(call.id)}`)
      .then((answer) => (answer.ok ? answer.json() : { output: 'It could not be fetched. Open all of it below.' }))
      .then((said) => { kept.fetched[name] = said.output; setText(said.output); })
      .catch(() => setText('The server could not be reached. Try again in a moment.'));
  }, []);
  return <pre className="deus-out" id={id} tabIndex={0} aria-label={`Output of ${call.word}`}>{text || 'Fetching it …'}</pre>;
}

function Call({ call, redraw }) {
  const name = `${props.run}/${call.id}`;
  const has = call.output || call.more;
  const open = kept.open[name];
  const head = useRef(null);
  useEffect(() => { if (kept.focus === name && document.activeElement === document.body && head.current) head.current.focus({ preventScroll: true }); }, []);
  const line = (
    <>
      <Mark call={call} />
      <span className="deus-call-said">
        {call.word ? <b>{call.word}</b> : null}
        <span className="deus-call-text">{call.text}</span>
        {call.summary ? <span className="deus-soft deus-call-sum">{call.summary}</span> : null}
      </span>
      <span className="deus-soft deus-time">{call.word ? time(call.ms) : ''}</span>
      {has ? (open ? <ChevronDown className="deus-mark" /> : <ChevronRight className="deus-mark" />) : <span className="deus-gap" />}
    </>
  );
  return (
    <li data-state={call.state} data-says={!call.word}>
      {has ? (
        <button type="button" ref={head} className="deus-call" aria-expanded={Boolean(open)} aria-controls={`${name}-out`}
          onFocus={() => { kept.focus = name; }} onBlur={() => { kept.focus = ''; }} onClick={() => { kept.open[name] = !open; redraw(); }}>{line}</button>
      ) : <div className="deus-call">{line}</div>}
      {call.state === 'running' && call.word ? <Live call={call} /> : null}
      {has && open ? <Output call={call} id={`${name}-out`} /> : null}
    </li>
  );
}

export default function Work() {
  const [, draw] = useState(0);
  const redraw = () => draw((n) => n + 1);
  const name = `${props.run}/${props.step}`;
  const shown = kept.open[name] ?? (props.running || props.state === 'failed');
  const list = useRef(null);
  // It follows the work, unless the reader has scrolled away from it.
  useEffect(() => {
    const box = list.current;
    if (!box) return undefined;
    const place = kept.open[`${name}#at`];
    box.scrollTop = place === undefined || !props.running ? (props.running ? box.scrollHeight : 0) : place;
    const scrolled = () => { kept.open[`${name}#at`] = box.scrollHeight - box.scrollTop - box.clientHeight < 40 ? undefined : box.scrollTop; };
    box.addEventListener('scroll', scrolled);
    return () => box.removeEventListener('scroll', scrolled);
  }, [shown]);

  const calls = props.calls.filter((call) => call.word);
  const failed = calls.filter((call) => call.state === 'failed').length;
  const now = props.calls[props.calls.length - 1];
  const stopping = kept.stops[props.run];
  const stop = () => {
    kept.stops[props.run] = 'Stopping …';
    redraw();
    fetch(`/api/runs/${encodeURIComponent(props.run)}/stop`, { method: 'POST' })
      .then((answer) => { if (!answer.ok && answer.status !== 409) throw new Error(answer.status); })
      .catch(() => { kept.stops[props.run] = 'It could not be stopped. Try again.'; redraw(); });
  };
  return (
    <section className="deus-work deus-card" data-state={props.state} aria-label={`Work in the sandbox: ${props.title}`}>
      <header className="deus-work-head">
        <button type="button" className="deus-work-toggle" aria-expanded={Boolean(shown)} onClick={() => { kept.open[name] = !shown; redraw(); }}>
          {shown ? <ChevronDown className="deus-mark" /> : <ChevronRight className="deus-mark" />}
          <span className="deus-work-title">{props.title}</span>
          <span className="deus-soft deus-work-sum" aria-live="polite">
            {props.running && now ? (now.word ? `${now.word} …` : 'thinking …') : `${calls.length} ${calls.length === 1 ? 'call' : 'calls'}${failed ? `, ${failed} failed` : ''}`}
          </span>
        </button>
        {props.running ? (
          <button type="button" className="deus-stop" disabled={stopping === 'Stopping …'} onClick={stop} aria-label="Stop the run">
            <Square className="deus-mark" />{stopping === 'Stopping …' ? stopping : 'Stop'}
          </button>
        ) : null}
      </header>
      {stopping && stopping !== 'Stopping …' && props.running ? <p className="deus-notice" role="alert"><TriangleAlert className="deus-mark" />{stopping}</p> : null}
      {shown ? <ol className="deus-calls" ref={list} aria-label="Calls">{props.calls.map((call) => <Call key={call.id} call={call} redraw={redraw} />)}</ol> : null}
      {shown || props.spent ? (
        <footer className="deus-work-foot deus-soft">
          <span>{props.spent}</span>
          <a href={props.whole} target="_blank" rel="noopener noreferrer">All of it</a>
        </footer>
      ) : null}
    </section>
  );
}
