"""Models are made and judged here: `moodmill train` and `moodmill evaluate`."""
