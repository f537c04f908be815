"""``python -m lcclassify VERB``: the same as the command `lcclassify`."""

from lcclassify.verbs import main

if __name__ == "__main__":
    main()
