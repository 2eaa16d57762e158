import { useState } from 'react';
import { ChevronDown, ChevronRight } from 'lucide-react';

export default function Sources() {
  const [more, setMore] = useState(false);
  const cited = props.items.filter((item) => item.number);
  const others = props.items.filter((item) => !item.number);
  const first = cited.length ? cited : others.slice(0, 6);
  const rest = cited.length ? others : others.slice(6);
  const open = (item) =>
    window.dispatchEvent(new CustomEvent('deus:evidence', { detail: { run: props.run, evidence: item.id, number: item.number } }));
  const entry = (item) => (
    <li key={item.id}>
      <button type="button" className="deus-source" onClick={() => open(item)} title={item.excerpt || item.title}>
        {item.number ? <span className="deus-number">{item.number}</span> : null}
        <span className="deus-source-title">{item.title}</span>
        <span className="deus-chip">{window.deusName(item.service)}</span>
      </button>
    </li>
  );
  return (
    <section className="deus-sources" aria-label="Sources">
      <h4>{cited.length ? 'Sources' : 'What was looked at'}</h4>
      <ul>{first.map(entry)}</ul>
      {rest.length ? (
        <>
          <button type="button" className="deus-more" onClick={() => setMore(!more)} aria-expanded={more}>
            {more ? <ChevronDown className="deus-mark" /> : <ChevronRight className="deus-mark" />}
            {`${rest.length} more looked at`}
          </button>
          {more ? <ul>{rest.map(entry)}</ul> : null}
        </>
      ) : null}
    </section>
  );
}
