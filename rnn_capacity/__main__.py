"""Runs the command line of `rnn-capacity` as `python -m rnn_capacity`."""

from rnn_capacity.cli import main

if __name__ == "__main__":
    main()
