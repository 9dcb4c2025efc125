from collections import Counter

from tillway.core.contracts.stores import StoreContract


def test_no_law_hides_another() -> None:
    """Classes of laws are inherited together: of two of one name, one would never be tried."""
    names = Counter(
        name
        for each in StoreContract.__mro__[1:-1]
        for name, member in vars(each).items()
        if callable(member) and not name.startswith("__")
    )
    assert [name for name, times in names.items() if times > 1] == []
