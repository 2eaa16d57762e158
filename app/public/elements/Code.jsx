export default function Code() {
  const lines = props.code.split('\n');
  return (
    <figure className="deus-code deus-card">
      <figcaption><strong>{props.title || 'The program'}</strong><span className="deus-soft">{props.language}</span></figcaption>
      <pre className="deus-out" tabIndex={0} aria-label={props.alt || props.title || 'The program'}>
        {lines.map((line, i) => (
          <div key={i}>{window.deusInk(line, props.language).map(([kind, text], n) => <span key={n} className={kind || undefined}>{text}</span>)}{line ? '' : ' '}</div>
        ))}
      </pre>
      {props.hidden ? <a className="deus-soft" href={props.whole} target="_blank" rel="noopener noreferrer">{props.hidden.toLocaleString()} more lines</a> : null}
    </figure>
  );
}
