"""How each platform wants its text: escape, measure, limits, shorten; one file each."""
