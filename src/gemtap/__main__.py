"""`python -m gemtap`."""

from gemtap.cli import main

if __name__ == "__main__":
    main()
