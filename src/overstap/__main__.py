"""`python -m overstap` is the command `overstap`."""

from overstap.entrypoints.cli import main

if __name__ == "__main__":
    main()
