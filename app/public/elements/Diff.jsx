import { createElement, useState } from 'react';

export default function Diff() {
  const [, draw] = useState(0);
  const n = props.files.length;
  return (
    <section className="deus-patch deus-card" aria-label={props.alt || props.title}>
      <header className="deus-patch-head">
        <strong>{props.title || 'What was changed'}</strong>
        <span className="deus-soft">{n} {n === 1 ? 'file' : 'files'} <span className="deus-plus">+{props.added}</span> <span className="deus-minus">−{props.removed}</span></span>
        <a className="deus-soft" href={props.whole} target="_blank" rel="noopener noreferrer">All of it</a>
      </header>
      {window.deusFiles(createElement, props.files, { name: `${props.run}/${props.artifact}`, whole: props.whole, folded: props.folded, redraw: () => draw((x) => x + 1) })}
    </section>
  );
}
