"""How a channel says that this recipient can never be reached, so that nobody tries again."""


class Refused(Exception):
    """The address or number is wrong, or its owner wants no messages: the customer's to change, not ours to repair."""
