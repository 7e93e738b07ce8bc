"""Where a flow dies: looks at paths, what they show, and verdicts that are held."""
