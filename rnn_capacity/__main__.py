"""`python -m rnn_capacity` is the same program as `rnn-capacity`."""

from rnn_capacity.cli import main

if __name__ == "__main__":
    main()
