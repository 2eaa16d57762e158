import { useEffect, useState } from 'react';
import { ChevronLeft, ChevronRight, ExternalLink } from 'lucide-react';

const TIME = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };

function Time({ at }) {
  return at ? <time dateTime={at}>{new Date(at).toLocaleString([], TIME)}</time> : null;
}

function Fields({ rows }) {
  return (
    <dl className="deus-fields">
      {rows.map(([name, value], i) => (
        <div key={i}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

export default function EvidencePanel() {
  const [page, setPage] = useState(null);
  const [offset, setOffset] = useState(0);

  useEffect(() => {
    let here = true;
    callAction({ name: 'evidence', payload: { run: props.run, evidence: props.evidence, offset } })
      .then((said) => here && setPage(said.response || { error: 'Nothing came back. Reload the page and try again.' }))
      .catch(() => here && setPage({ error: 'The server could not be reached. Try again in a moment.' }));
    return () => { here = false; };
  }, [props.run, props.evidence, offset]);

  if (!page) return <p className="deus-soft">Fetching the evidence…</p>;
  if (page.error) return <p className="deus-notice">{page.error}</p>;
  const last = Math.min(page.offset + page.size, page.total);
  return (
    <article className="deus-evidence">
      <header>
        {props.number ? <span className="deus-number">{props.number}</span> : null}
        <h3>{page.title}</h3>
      </header>
      <p className="deus-soft">
        <span className="deus-chip">{window.deusName(page.service)}</span> {page.verb} · <Time at={page.at} />
      </p>
      {page.url ? (
        <a className="deus-open" href={page.url} target="_blank" rel="noopener noreferrer">
          Open at {window.deusName(page.service)} <ExternalLink className="deus-mark" />
        </a>
      ) : null}
      {page.asked.length || page.requests.length ? (
        <section>
          <h4>What was asked</h4>
          <Fields rows={page.asked} />
          {page.requests.map((request, i) => <pre key={i}>{request}</pre>)}
        </section>
      ) : null}
      {page.unchecked.length ? (
        <section>
          <h4>Could not be asked</h4>
          <Fields rows={page.unchecked} />
        </section>
      ) : null}
      <section>
        <h4>What came back <span className="deus-soft">{page.total ? `${page.offset + 1}–${last} of ${page.total}` : 'nothing'}</span></h4>
        {page.records.map((record, i) => (
          <div className="deus-record" key={i}>
            <div className="deus-record-head">
              <span className="deus-chip">{record.kind}</span>
              {record.url ? <a href={record.url} target="_blank" rel="noopener noreferrer">{record.title || record.ref}</a> : <b>{record.title || record.ref}</b>}
            </div>
            <p className="deus-soft">{record.ref}{record.ref && record.at ? ' · ' : ''}<Time at={record.at} /></p>
            <Fields rows={record.fields} />
          </div>
        ))}
        {page.total > page.size ? (
          <nav className="deus-pages" aria-label="Pages of records">
            <button type="button" disabled={page.offset === 0} onClick={() => setOffset(Math.max(0, page.offset - page.size))}><ChevronLeft className="deus-mark" />Earlier</button>
            <button type="button" disabled={last >= page.total} onClick={() => setOffset(page.offset + page.size)}>Later<ChevronRight className="deus-mark" /></button>
          </nav>
        ) : null}
      </section>
      <footer className="deus-soft" title="SHA-256 of what is stored">Stored whole, sha256 {page.sha256.slice(0, 12)}…</footer>
    </article>
  );
}
