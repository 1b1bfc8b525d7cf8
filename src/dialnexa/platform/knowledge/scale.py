"""What nearness means to a model, so that a score from 0 to 1 means the same with every one of them.

Models lay texts out as they like: to one, unrelated texts are 0.05 near, to another 0.75. So each model is shown the
same questions and passages once: how near the ones are that have nothing to do with each other is 0, how near questions
are to the passages that answer them is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

YARDSTICK = (
    ("When are you open?", "We are open Monday to Friday from nine to six, and on Saturday until noon."),
    ("How much does it cost to have my teeth cleaned?", "A professional dental cleaning costs eighty dollars."),
    ("Where can I leave my car?", "Parking is free behind the building; the entrance is in Mill Street."),
    ("Can I send it back if I don't like it?", "Goods may be returned within thirty days for a full refund."),
    ("My internet is slow, what should I do?", "If the connection is weak, restart the router and wait two minutes."),
    ("Do you deliver on weekends?", "Orders are shipped every day of the week, Saturdays and Sundays included."),
    ("How do I change my password?", "To choose a new password, open the settings and tap on Security."),
    ("Is breakfast part of the price?", "The room rate includes a breakfast buffet from seven to ten."),
    ("What if I have to cancel my appointment?", "Appointments can be called off free of charge a day ahead."),
    ("Which documents do I need for the loan?", "For a credit we ask for an identity card and three payslips."),
)
"""Questions as callers ask them, and passages that answer: none answers the question of another."""
_LEAST_SPAN = 0.02


@dataclass(frozen=True, slots=True)
class Scale:
    """How near unrelated texts are to a model, and how near questions are to their answers."""

    floor: float
    ceiling: float

    def scores(self, nearness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores, from 0 to 1, of products of vectors."""
        return np.clip((nearness - self.floor) / (self.ceiling - self.floor), 0.0, 1.0)


PLAIN = Scale(0.0, 1.0)
"""For a model that sees no difference between the two: then nearness itself is the score."""


def measured(questions: NDArray[np.float32], answers: NDArray[np.float32]) -> Scale:
    """Return the scale of a model from its vectors of the yardstick."""
    nearness = questions @ answers.T
    own = np.eye(len(nearness), dtype=bool)
    floor, ceiling = float(nearness[~own].mean()), float(nearness[own].mean())
    return Scale(floor, ceiling) if ceiling - floor >= _LEAST_SPAN else PLAIN
