import { useEffect, useRef, useState } from 'react';
import { useSetRecoilState } from 'recoil';
import { sideViewState } from '@chainlit/react-client';
import { Check, ChevronDown, ChevronRight, CircleDashed, CircleHelp, Hand, LoaderCircle, Minus, TriangleAlert, X } from 'lucide-react';

const WORDS = {
  planning: 'Making a plan',
  looking: 'Looking',
  coding: 'Working in a sandbox',
  writing: 'Writing the answer',
  acting: 'Doing what was approved',
  answered: 'Answered',
  abstained: 'Cannot tell yet',
  failed: 'Did not get through',
  stopped: 'Stopped',
  awaiting_approval: 'Waiting for a yes',
  awaiting_input: 'Waiting for your word'
};

const ENDS = { failed: 'failed', stopped: 'skipped', abstained: 'abstained', awaiting_approval: 'awaiting' };

function Mark({ state }) {
  if (state === 'done') return <Check className="deus-mark done" aria-label="done" />;
  if (state === 'failed') return <X className="deus-mark failed" aria-label="failed" />;
  if (state === 'running') return <LoaderCircle className="deus-mark running" aria-label="running" />;
  if (state === 'awaiting') return <Hand className="deus-mark deus-asking" aria-label="waits for a yes" />;
  if (state === 'abstained') return <CircleHelp className="deus-mark" aria-label="cannot tell" />;
  if (state === 'skipped') return <Minus className="deus-mark" aria-label="skipped" />;
  return <CircleDashed className="deus-mark" aria-label="waiting" />;
}

function time(ms) {
  if (ms === null || ms === undefined) return '';
  return ms < 950 ? `${Math.max(ms, 1)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// Elements are compiled anew at each change, so what the reader chose is kept outside.
const chosen = (window.deusPlans = window.deusPlans || {});

export default function Plan() {
  const setSideView = useSetRecoilState(sideViewState);
  const running = props.status === 'running';
  const [open, setOpen] = useState(chosen[props.run] ?? null);
  // What is done in a sandbox is shown below, and needs the room.
  const shown = open ?? (running && props.phase !== 'coding');
  const done = props.steps.filter((step) => step.state === 'done').length;
  const failed = props.steps.filter((step) => step.state === 'failed').length;

  useEffect(() => {
    const show = ({ detail }) => {
      if (detail.run !== props.run) return;
      setSideView({
        title: 'Evidence',
        key: detail.evidence,
        elements: [
          {
            id: `${detail.run}-${detail.evidence}`,
            type: 'custom',
            name: 'EvidencePanel',
            display: 'side',
            forId: '',
            props: { run: detail.run, evidence: detail.evidence, number: detail.number }
          }
        ]
      });
    };
    window.addEventListener('deus:evidence', show);
    return () => window.removeEventListener('deus:evidence', show);
  }, [props.run]);

  // A long plan scrolls within itself, to where the work is.
  const list = useRef(null);
  useEffect(() => {
    const active = running && list.current && list.current.querySelector('[data-state="running"]');
    if (active) list.current.scrollTop = active.offsetTop - list.current.offsetTop - 60;
  }, []);

  const toggle = () => {
    chosen[props.run] = !shown;
    setOpen(!shown);
  };
  const services = [...new Set(props.steps.flatMap((step) => step.services))];
  return (
    <section className="deus-plan deus-card" data-status={props.status} aria-label="Plan">
      <button type="button" className="deus-plan-head" onClick={toggle} aria-expanded={shown}>
        {running ? <LoaderCircle className="deus-mark running" /> : <Mark state={ENDS[props.status] || 'done'} />}
        <span className="deus-plan-phase" aria-live="polite">{WORDS[props.phase] || props.phase}</span>
        <span className="deus-soft deus-plan-sum">
          {props.steps.length ? `${done} of ${props.steps.length} steps` : ''}
          {failed ? ` · ${failed} failed` : ''}
          {props.seconds ? ` · ${props.seconds.toFixed(1)} s` : ''}
          {!running && services.length ? ` · ${services.map(window.deusName).join(', ')}` : ''}
        </span>
        {shown ? <ChevronDown className="deus-mark" /> : <ChevronRight className="deus-mark" />}
      </button>
      {shown && props.steps.length ? (
        <ol className="deus-steps" ref={list} tabIndex={props.steps.length > 12 ? 0 : undefined}>
          {props.steps.map((step) => (
            <li key={step.id} data-state={step.state}>
              <Mark state={step.state} />
              <span className="deus-step-title">
                {step.title}
                {step.state === 'awaiting' ? <span className="deus-soft"> waits for a yes</span> : null}
                {step.summary ? <span className="deus-soft"> {step.summary}</span> : null}
              </span>
              <span className="deus-step-services">
                {step.services.map((name) => (
                  <span className="deus-chip" key={name}>{window.deusName(name)}</span>
                ))}
              </span>
              <span className="deus-soft deus-time">{time(step.ms)}</span>
            </li>
          ))}
        </ol>
      ) : null}
      {props.notices.map((text, index) => (
        <p className="deus-notice" key={index}><TriangleAlert className="deus-mark" />{text}</p>
      ))}
    </section>
  );
}
