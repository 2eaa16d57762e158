export default function Picture() {
  return (
    <figure className="deus-picture deus-card">
      <figcaption><strong>{props.title}</strong></figcaption>
      <a href={props.png} target="_blank" rel="noopener noreferrer"><img src={props.png} alt={props.alt || props.title} /></a>
    </figure>
  );
}
