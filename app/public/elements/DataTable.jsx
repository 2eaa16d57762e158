export default function DataTable() {
  const data = props.data || {};
  const rows = Array.isArray(data) ? data : data.rows || [];
  const columns = data.columns || (rows[0] && !Array.isArray(rows[0]) ? Object.keys(rows[0]) : []);
  const cell = (row, column, i) => {
    const value = Array.isArray(row) ? row[i] : row[column];
    return typeof value === 'number' ? value.toLocaleString() : value === null || value === undefined ? '' : String(value);
  };
  const number = (i) => rows.length > 0 && rows.every((row) => {
    const value = Array.isArray(row) ? row[i] : row[columns[i]];
    return value === null || typeof value === 'number';
  });
  return (
    <figure className="deus-table deus-card">
      <figcaption><strong>{props.title}</strong></figcaption>
      <div className="deus-scroll">
        <table aria-label={props.alt || props.title}>
          <thead><tr>{columns.map((name, i) => <th key={i} data-number={number(i)}>{String(name.label || name)}</th>)}</tr></thead>
          <tbody>
            {rows.map((row, r) => (
              <tr key={r}>{columns.map((name, i) => <td key={i} data-number={number(i)}>{cell(row, name.key || name, i)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
