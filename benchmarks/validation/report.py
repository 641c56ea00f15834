"""x"""


def write(rates):
    print(len(rates))
