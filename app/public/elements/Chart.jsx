import { useEffect, useMemo, useRef, useState } from 'react';

const HEIGHT = 250;
const PAD = { top: 26, right: 14, bottom: 28, left: 44 };

export default function Chart() {
  const { figure, title, alt } = props;
  const box = useRef(null);
  const [width, setWidth] = useState(680);
  const [at, setAt] = useState(null);
  const [hidden, setHidden] = useState({});

  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.max(entry.contentRect.width, 240)));
    if (box.current) watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);

  const w = width - PAD.left - PAD.right;
  const h = HEIGHT - PAD.top - PAD.bottom;
  const X = (x) => PAD.left + x * w;
  const Y = (y) => PAD.top + (1 - y) * h;
  const lines = figure.lines.filter((line) => !hidden[line.name]);
  const open = (figure.bands.find((band) => band.kind === 'incomplete') || { from: 2 }).from;
  const trace = (points) => points.map(([x, y], i) => `${i ? 'L' : 'M'}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join('');
  const paths = useMemo(
    () => lines.map(({ points }) => [trace(points.filter(([x]) => x <= open)), trace(points.filter(([x]) => x >= open))]),
    [width, hidden, figure]
  );
  if (!figure.lines.length) return <p className="deus-soft">There is nothing to draw: the series is empty.</p>;

  const total = figure.lines[0].points;
  const every = Math.max(1, Math.ceil(figure.x.length / Math.max(2, Math.floor(w / 76))));
  const ticks = figure.x.filter((_, i) => (figure.x.length - 1 - i) % every === 0);

  const point = (event) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const x = (event.clientX - bounds.left - PAD.left) / w;
    setAt(x < -0.03 || x > 1.03 ? null : nearest(total, x));
  };
  const step = (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const i = at === null ? total.length - 1 : total.findIndex(([x]) => x === at[0]);
    setAt(total[Math.min(Math.max(i + move, 0), total.length - 1)]);
  };
  const values = at
    ? lines.map((line) => ({ line, near: nearest(line.points, at[0]) })).filter(({ near }) => near && Math.abs(near[0] - at[0]) < 0.02)
    : [];

  return (
    <figure className="deus-chart deus-card" ref={box}>
      <figcaption>
        <strong>{title}</strong>
        <span className="deus-soft">{[figure.unit, figure.zone.replace('_', ' ')].filter(Boolean).join(' · ')}</span>
      </figcaption>
      <div className="deus-plot">
        <svg
          width={width} height={HEIGHT} role="img" aria-label={alt || title} tabIndex={0}
          onPointerMove={point} onPointerDown={point} onPointerLeave={() => setAt(null)} onKeyDown={step} onBlur={() => setAt(null)}
        >
          {figure.bands.map((band, i) => (
            <rect key={i} className={`deus-band ${band.kind}`} x={X(band.from)} width={Math.max(X(band.to) - X(band.from), 2)} y={PAD.top} height={h}>
              <title>{band.kind === 'incomplete' ? 'This is not over yet' : 'It began within this time'}</title>
            </rect>
          ))}
          {figure.y.map((tick) => (
            <g key={tick.at}>
              <line className="deus-grid" x1={PAD.left} x2={PAD.left + w} y1={Y(tick.at)} y2={Y(tick.at)} />
              <text className="deus-tick" x={PAD.left - 8} y={Y(tick.at) + 4} textAnchor="end">{tick.label}</text>
            </g>
          ))}
          {ticks.map((tick) => (
            <text className="deus-tick" key={tick.at} x={X(tick.at)} y={HEIGHT - 8} textAnchor={tick.at > 0.97 ? 'end' : tick.at < 0.03 ? 'start' : 'middle'}>{tick.label}</text>
          ))}
          {figure.marks.map((mark) => (
            <g key={mark.kind} className={`deus-onset ${mark.kind}`}>
              <line x1={X(mark.x)} x2={X(mark.x)} y1={PAD.top - 6} y2={PAD.top + h} />
              <text x={X(mark.x) + (mark.x > 0.6 ? -6 : 6)} y={PAD.top - 10} textAnchor={mark.x > 0.6 ? 'end' : 'start'}>{mark.label}</text>
            </g>
          ))}
          {lines.map((line, i) => (
            <g key={line.name}>
              <path className={`deus-line ${line.role}`} d={paths[i][0]} />
              <path className={`deus-line unsure ${line.role}`} d={paths[i][1]} />
            </g>
          ))}
          {at ? <line className="deus-cursor" x1={X(at[0])} x2={X(at[0])} y1={PAD.top} y2={PAD.top + h} /> : null}
          {values.map(({ line, near }) => (
            <circle key={line.name} className={`deus-dot ${line.role}`} cx={X(near[0])} cy={Y(near[1])} r={3.5} />
          ))}
        </svg>
        {at ? (
          <div className="deus-tip" style={at[0] > 0.55 ? { right: width - X(at[0]) + 10 } : { left: X(at[0]) + 10 }}>
            <strong>{at[2]}</strong>
            {values.map(({ line, near }) => (
              <span key={line.name}><i className={`deus-key ${line.role}`} />{line.name}<b>{near[3]}</b></span>
            ))}
          </div>
        ) : null}
      </div>
      <div className="deus-legend">
        {figure.lines.map((line) => (
          <button
            type="button" key={line.name} aria-pressed={!hidden[line.name]}
            onClick={() => setHidden((now) => ({ ...now, [line.name]: !now[line.name] }))}
          >
            <i className={`deus-key ${line.role}`} />{line.name}
          </button>
        ))}
      </div>
    </figure>
  );
}

function nearest(points, x) {
  let best = null;
  for (const point of points) if (!best || Math.abs(point[0] - x) < Math.abs(best[0] - x)) best = point;
  return best;
}
