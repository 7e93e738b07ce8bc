"""python -m udpecho."""

from udpecho.commands import run_command

run_command()
