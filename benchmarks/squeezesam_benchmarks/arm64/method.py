"""How instructions are counted."""

SHORT_RUN = 2
"""Inferences of the run whose count is taken off: loading, and what the first inference adds."""

METHOD = (
    "Guest instructions that QEMU's user emulation executes, counted by a TCG plugin that adds the "
    "length of each translated block when it starts; one thread of the runtime, on one core, "
    "without address randomization. Per inference: the count of the short run, which loads the "
    "artifact and infers {short} times, is taken off that of the long run, which infers the "
    "compared golden cases besides, and the rest is divided by the number of these cases ({more}). "
    "A count, not a time: instructions differ in what they cost."
)
"""With the numbers of inferences of the short run and of those that the long run has more."""
