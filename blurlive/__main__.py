"""``python -m blurlive`` and ``torchrun -m blurlive``: the command line."""

from blurlive.cli.app import main

if __name__ == "__main__":
    main()
