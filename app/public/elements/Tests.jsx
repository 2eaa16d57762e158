import { Check, CircleHelp, OctagonX, X } from 'lucide-react';

const ICONS = { confirmed: Check, refuted: OctagonX, untested: CircleHelp };

export default function Tests() {
  const Icon = ICONS[props.verdict];
  return (
    <section className="deus-tests deus-card" data-verdict={props.verdict} aria-label={`${props.title || 'Tests'}: ${props.word}`}>
      <header>
        <span className="deus-verdict" data-verdict={props.verdict}><Icon className="deus-mark" aria-hidden="true" />{props.word}</span>
        <strong>{props.title || 'Tests'}</strong>
      </header>
      <p className="deus-meaning">{props.meaning}</p>
      {props.runs.length ? (
        <ul>
          {props.runs.map((run) => (
            <li key={run.name} data-green={run.green}>
              {run.green ? <Check className="deus-mark done" aria-label="green" /> : <X className="deus-mark failed" aria-label="red" />}
              <span><b>{run.label}</b> {run.said}</span>
              <span className="deus-soft deus-time">{run.seconds ? `${run.seconds.toFixed(1)} s` : ''}</span>
              {run.tail ? (
                <details>
                  <summary>{run.command ? <code>{run.command}</code> : 'What they wrote'}</summary>
                  <pre className="deus-out" tabIndex={0} aria-label={`Output of the tests: ${run.label}`}>{run.tail}</pre>
                </details>
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
