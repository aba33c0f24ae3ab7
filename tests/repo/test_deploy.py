"""What is shipped to run the service can be run: the systemd unit as systemd reads it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cmo.settings import Settings

ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def unit(repo: Path) -> str:
    return (repo / "deploy/systemd/cmo.service").read_text("utf-8")


def test_the_unit_names_commands_and_settings_that_exist(unit: str, repo: Path) -> None:
    known = {str(c) for f in Settings.model_fields.values() for c in getattr(f.validation_alias, "choices", ())}
    files = unit + (repo / "deploy/systemd/cmo.env").read_text("utf-8")
    assert set(re.findall(r"\b(CMO_[A-Z_]+)=", files)) <= known
    assert "ExecStart=/opt/cmo/.venv/bin/cmo serve --workers 2\n" in unit
    assert "ExecStartPre=-/opt/cmo/.venv/bin/cmo models install\n" in unit, "without a model it answers nothing"
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "PrivateTmp=yes"} <= set(
        unit.splitlines()
    )


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_unit_and_little_that_is_open(unit: str, tmp_path: Path) -> None:
    file = tmp_path / "cmo.service"
    file.write_text(unit.replace("/opt/cmo/.venv/bin/cmo", str(Path(sys.executable).with_name("cmo"))))
    told = subprocess.run([str(ANALYZE), "verify", file], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    judged = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", file], capture_output=True, text=True, check=False
    )
    level = re.search(r"exposure level for cmo.service: ([\d.]+)", judged.stdout)
    assert level is None or float(level[1]) < 2.0, "2.0 and more is what systemd calls medium"
