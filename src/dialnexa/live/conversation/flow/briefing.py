"""What the model is told about the part of the graph where the conversation is."""

from __future__ import annotations

from dialnexa.live.conversation.flow.moves import GO_TO, NOTE, Offer
from dialnexa.live.conversation.flow.walk import Walk
from dialnexa.live.speech.embedded.flow.nodes import ACTING, Node

_GOING_ON = f"""\
The tools {GO_TO}… lead to other parts. As soon as the condition of one is met by what the person said, call it, and
write no words in the same answer: you will be asked for them once you are there. If none is met, stay with this part.
Never speak of parts, tools or conditions."""
_NOTING = f"Call {NOTE} as soon as the person has answered, without any words, and before anything else."
_FAREWELL = "These are your last words: the call ends after them. Ask nothing any more."


def briefing(system: str, walk: Walk, offer: Offer, said: str, *, farewell: bool = False) -> str:
    """Return the instructions for one request: the agent's own, then those of the place where it stands.

    ``said`` is what the agent has said in this turn already.
    """
    parts = [system, "# This part of the conversation", *_here(walk)]
    if farewell:
        parts.append(_FAREWELL)
    if NOTE in offer.moves:
        parts.append(_NOTING)
    if any(name.startswith(GO_TO) for name in offer.moves):
        parts.append(_GOING_ON)
    if said:
        parts.append(f'In this turn you have said already: "{said}" Go on from there, and do not say it again.')
    return "\n\n".join(part for part in parts if part)


def _here(walk: Walk) -> list[str]:
    """Describe the current node; one that is answered in passing comes before the one to come back to."""
    if walk.aside is None:
        return _node(walk.node, walk)
    return [
        *_node(walk.aside, walk),
        f"Then lead back to what the conversation was about before, in the same answer: {walk.node.title}.",
        *_node(walk.node, walk)[1:],
    ]


def _node(node: Node, walk: Walk) -> list[str]:
    render = walk.memory.render
    lines = [f"It is about: {node.title}.", render(node.prompt)]
    if node.kind in ACTING:
        lines.append("Call the function for this part now. If you lack something it needs, ask the person for it.")
    if words := walk.words(node):
        lines.append(
            f'When this part began these words were spoken for you: "{words}" If the person has not '
            "heard them to the end, say what is missing."
        )
    if node.question:
        lines.append(f'To ask again, say: "{render(node.question)}"')
    return lines
