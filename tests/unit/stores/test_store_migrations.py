import pytest

from tillway.adapters.stores.migrations import behind, migrations_of

_PACKAGES = ("tillway.adapters.stores.sqlite", "tillway.adapters.stores.postgres")


@pytest.mark.parametrize("package", _PACKAGES)
class TestMigrations:
    def test_each_file_is_the_step_of_its_number(self, package: str) -> None:
        """None is missing and none is there twice: a file's number is the version it makes."""
        pytest.importorskip("asyncpg")
        found = migrations_of(package)
        assert [each.step.version for each in found] == [*range(1, len(found) + 1)]
        assert all(each.step.name.replace(" ", "").isalpha() for each in found)
        assert len({each.sql for each in found}) == len(found) >= 2

    def test_what_is_behind_is_told_with_both_versions(self, package: str) -> None:
        """From the one that is there to the one that is needed."""
        pytest.importorskip("asyncpg")
        steps = [each.step for each in migrations_of(package)]
        text = behind("there", steps[1:]).message
        assert text == (
            f"The store there has schema 1, and {len(steps)} is needed: run `tillway migrate`."
        )
