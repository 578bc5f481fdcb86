"""What every test shares: no hypothesis deadline, golden files to rewrite."""

import pytest
from hypothesis import settings

settings.register_profile("vct", deadline=None)
settings.load_profile("vct")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden text files"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))
