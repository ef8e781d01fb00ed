"""Writing and checking the generated files."""

from pathlib import Path

import pytest

from proxy.config.reference import documents, main


def test_written_files_pass_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--write", "--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("index", [0, 1])
def test_a_stale_file_fails_the_check_with_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], index: int
) -> None:
    main(["--write", "--root", str(tmp_path)])
    stale = list(documents(tmp_path))[index]
    stale.write_text(stale.read_text() + "an edit by hand\n")
    assert main(["--check", "--root", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert str(stale) in out
    assert "-an edit by hand" in out


def test_missing_files_fail_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "+# Configuration\n" in capsys.readouterr().out


def test_one_of_write_and_check_is_needed() -> None:
    with pytest.raises(SystemExit):
        main([])
