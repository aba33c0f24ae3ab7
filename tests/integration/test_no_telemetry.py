"""What we build on tells nobody that it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cmo


def test_the_runtime_of_models_keeps_no_id_of_the_user(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", "import cmo.embed.session"], env={"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_it_is_imported_in_one_place_alone() -> None:
    rooms = Path(cmo.__file__).parent
    users = [path for path in rooms.rglob("*.py") if "import onnxruntime" in path.read_text()]
    assert users == [rooms / "embed" / "session.py"]
