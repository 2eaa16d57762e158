"""What to do about a finding and what would settle it, in a sentence each. Pure."""

from __future__ import annotations

from tools.analysis.finding import ChangeFinding
from tools.analysis.investigation import NOT_HAPPENED, Outcome
from tools.nouns import Annotation, Deployment, FlagChange, Message, PullRequest

_TELLS = {
    "sentry": "errors by release and browser",
    "github": "what the pull requests changed",
    "vercel": "which deployments went out",
    "slack": "what people said and announced",
    "posthog": "flags, campaigns and the counts themselves",
    "linear": "reported bugs",
    "pagerduty": "alerts and incidents",
    "intercom": "customers' tickets",
    "stripe": "payments",
    "notion": "documents",
}


def advice_for(outcome: Outcome, found: ChangeFinding) -> str:
    """The next step, short. What is over, harmless or unknown is never to be rolled back."""
    if outcome.label in NOT_HAPPENED:
        return "Nothing to undo. Compare whole days with the same weekday of the weeks before."
    if outcome.label == "trend":
        return (
            "No single release did this, so rolling one back will not help. Look at what has been drifting for weeks."
        )
    if outcome.label == "holiday":
        return "Nothing to undo: it comes back by itself after the holiday."
    if outcome.label == "tracking":
        return "Mend the counting, and decide nothing by these numbers until then. The thing itself goes on."
    if outcome.named is None:
        return "Do not roll anything back yet: nothing on record fits well enough."
    if outcome.recovered is not None:
        return "It is over. What is left is to make sure that it cannot come back."
    match outcome.named.candidate.noun:
        case Deployment() | PullRequest():
            if found.direction > 0:
                return "Keep it, and see whether it lasts."
            return "Roll this one back, or mend it, and watch the next hours."
        case FlagChange():
            return "Set the flag back for those it concerns, and watch the next hours."
        case Annotation():
            return "Nothing is broken. Decide whether the campaign is worth continuing."
        case Message():
            return "Ask its author whether this was meant, before anything is changed back."
        case _:
            return "Follow up on the incident itself."


def settling(outcome: Outcome, found: ChangeFinding) -> tuple[str, ...]:
    """What would settle what is not certain."""
    wanted = [f"{name} did not answer: {_TELLS.get(name, 'its records')}" for name in outcome.blind]
    if outcome.label == "unknown" and outcome.happened:
        named = ", ".join(f"{dim} {value}" for dim, value in (outcome.where or {}).items())
        wanted.append(f"trying {found.root.replace('_', ' ')}{f' with {named}' if named else ''} by hand")
        wanted.append("changes that no connected tool records: DNS, a provider, prices, a competitor")
    if outcome.happened is None:
        wanted.append(f"more time: at this volume such a change is seen with a chance of {found.power:.0%}")
    return tuple(wanted)
