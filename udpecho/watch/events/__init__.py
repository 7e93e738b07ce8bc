"""What happens, noticed and told: in the log, in a file, to a server."""
