"""What a test says when a promise does not hold."""


class Failure(Exception):
    """A promise that does not hold."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(found, wanted, what):
    check(found == wanted, f"{what} is {found!r}, not {wanted!r}")
