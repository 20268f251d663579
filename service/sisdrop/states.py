"""The table of transitions of a file: the only place that says which state may follow which.

| state      | on the share       | on the data volume       | on the server  | at restart   |
|------------|--------------------|--------------------------|----------------|--------------|
| claimed    | work/              | perhaps a partial folder | nothing        | refine again |
| refined    | work/              | zip, report              | nothing        | guard again  |
| held       | held/ + report     | zip, report              | nothing        | nothing      |
| queued     | nothing, or work/  | zip, original, report    | nothing        | deliver      |
| delivering | nothing            | zip, original, report    | temp or final  | ask, go on   |
| delivered  | nothing            | zip, original, report    | final name     | archive      |
| archived   | nothing            | archive folder           | name or suffix | nothing      |
| rejected   | rejected/ + report | report                   | nothing        | nothing      |
| duplicate  | nothing            | manifest, report         | as before      | nothing      |
| superseded | nothing            | archive folder           | nothing        | nothing      |
"""

from sisdrop.model import State

TRANSITIONS: dict[State, frozenset[State]] = {
    # Straight to held: the program failed on this very file three times.
    State.CLAIMED: frozenset({State.REFINED, State.HELD}),
    # Back to claimed: the bytes changed after they were read, so they are read again.
    # Straight to archived: accepted, and there is nothing to send.
    State.REFINED: frozenset(
        {
            State.CLAIMED,
            State.QUEUED,
            State.HELD,
            State.REJECTED,
            State.DUPLICATE,
            State.ARCHIVED,
        }
    ),
    # To refined: approved, and judged again. To claimed: edited while held, and read again.
    State.HELD: frozenset({State.CLAIMED, State.REFINED, State.REJECTED, State.SUPERSEDED}),
    # Straight to archived: in rehearsal everything happens but the upload, and what was to be sent
    # again is called off when a newer file is accepted.
    State.QUEUED: frozenset({State.DELIVERING, State.SUPERSEDED, State.ARCHIVED}),
    # Back to queued: the attempt failed and the file waits for the next one.
    State.DELIVERING: frozenset({State.DELIVERED, State.QUEUED}),
    State.DELIVERED: frozenset({State.ARCHIVED}),
    # Back to queued: a person wants it sent again.
    State.ARCHIVED: frozenset({State.QUEUED}),
    State.REJECTED: frozenset(),
    State.DUPLICATE: frozenset(),
    State.SUPERSEDED: frozenset(),
}

# Nothing follows by itself.
FINAL = frozenset({State.ARCHIVED, State.REJECTED, State.DUPLICATE, State.SUPERSEDED})
OPEN = tuple(state for state in State if state not in FINAL)


class IllegalTransition(RuntimeError):
    """The program tried a step that is not in the table: our bug, never the file's."""

    def __init__(self, before: State, after: State) -> None:
        super().__init__(f"no way leads from {before} to {after}")
        self.before = before
        self.after = after


def check_transition(before: State, after: State) -> None:
    """Let a step of the table pass.

    Raises:
        IllegalTransition: if `after` may not follow `before`.
    """
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(before, after)
