"""python -m udpecho."""

from udpecho.cli import main

main()
