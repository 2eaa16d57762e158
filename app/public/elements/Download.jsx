import { Download as Arrow } from 'lucide-react';

function size(bytes) {
  if (bytes === null || bytes === undefined) return '';
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export default function Download() {
  return (
    <a className="deus-download deus-card" href={props.url} download={props.name}>
      <Arrow className="deus-mark" aria-hidden="true" /><span>{props.name}</span><span className="deus-soft">{size(props.size)}</span>
    </a>
  );
}
