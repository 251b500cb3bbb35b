"""A run as text: Markdown, Mermaid, and on the terminal."""
