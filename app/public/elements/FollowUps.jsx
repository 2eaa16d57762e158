export default function FollowUps() {
  return (
    <nav className="deus-next" aria-label="Ask next">
      {props.suggestions.map((text) => (
        <button type="button" key={text} onClick={() => sendUserMessage(text)}>{text}</button>
      ))}
    </nav>
  );
}
