"""Names that stand in files that networks write.

Apart from `vocabulary`, so that no network runs again for a word that a reader is shown.
"""

# The layer that the classifier reads.
REPRESENTATION = "penultimate"

# The attack that every study has, and its control of random noise.
MAIN, CONTROL = "pgd", "noise"
