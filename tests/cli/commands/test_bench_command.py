"""`./millwright bench` hands its arguments to `python -m bench`."""

import subprocess

from adapters.settings.table import ROOT


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "millwright", "bench", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_the_options_of_the_bench() -> None:
    ended = _bench("--help")

    assert ended.returncode == 0
    assert "--rounds" in ended.stdout


def test_an_unknown_ratio_is_named_and_ends_with_1() -> None:
    ended = _bench("--only", "nonsense")

    assert ended.returncode == 1
    assert "There is no ratio nonsense. There are: accept_vs_bare" in ended.stderr
    assert "Traceback" not in ended.stderr
