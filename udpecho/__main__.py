"""The udpecho command, and python -m udpecho.

SIGINT has its default before anything else is loaded: whoever types Ctrl-C meanwhile sees no
traceback. That undoes a shell's, too, which has it ignored in what a script runs behind its back.
"""

# Built in: signal itself would load other modules first.
import _signal  # type: ignore[import-not-found]

_signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main() -> None:
    """Run the command that the command line asks for; leaves by SystemExit."""
    import gc

    gc.disable()  # nothing that is loaded is garbage: what runs then enables it
    from udpecho.commands import open_streams, run_command

    open_streams()
    run_command()


if __name__ == "__main__":
    main()
