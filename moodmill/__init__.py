"""moodmill labels dumps of comments with emotions."""
