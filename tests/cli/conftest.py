"""How tests run a command line."""

import sys

import pytest

from kerazoo.cli.main import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `kerazoo` with these arguments; gives exit code, stdout, stderr."""

    def run_line(*arguments):
        monkeypatch.setattr(sys, "argv", ["kerazoo", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code, *capsys.readouterr())

    return run_line
