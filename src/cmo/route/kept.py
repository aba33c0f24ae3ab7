"""Where a routing model lies: a folder with `head.npz`, `calibration.json` and, to compare with, `learned.npz`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cmo.errors import ModelCorrupt, ModelMissing
from cmo.kit.files import write_atomic
from cmo.route.calibrate import Calibration
from cmo.route.cascade import Model
from cmo.route.head import Head
from cmo.route.learned import LearnedKeywords

HEAD, CALIBRATION, LEARNED = "head.npz", "calibration.json", "learned.npz"


def open_model(folder: Path) -> Model:
    """A model that was trained into a folder.

    Raises:
        ModelMissing: there is none.
        ModelCorrupt: it cannot be read.
    """
    return _model(folder)


def open_head(folder: Path) -> Head:
    """The head alone, calibrated or not.

    Raises:
        ModelMissing: there is none.
        ModelCorrupt: it cannot be read.
    """
    return Head.from_bytes(_bytes(folder, HEAD), str(folder / HEAD))


def open_learned(folder: Path | None) -> LearnedKeywords | None:
    """What was fitted beside it to compare with, if it is there; None is the model that comes with this package."""
    where: Traversable = folder or _shipped()
    try:
        data = where.joinpath(LEARNED).read_bytes()
    except OSError:
        return None
    head = Head.from_bytes(data, LEARNED)
    return LearnedKeywords(head, float(head.about.get("temperature", 1.0)))


@cache
def shipped_model() -> Model:
    """The model that comes with this package, loaded once."""
    return _model(_shipped())


def keep_head(folder: Path, head: Head, learned: Head) -> None:
    """Write a head and what to compare it with; a calibration of an older head does not outlive it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CALIBRATION).unlink(missing_ok=True)
    write_atomic(folder / LEARNED, learned.to_bytes())
    write_atomic(folder / HEAD, head.to_bytes())


def keep_calibration(folder: Path, calibration: Calibration) -> None:
    """Write what a head's scores mean."""
    write_atomic(folder / CALIBRATION, (json.dumps(calibration.as_json()) + "\n").encode())


def _shipped() -> Traversable:
    return files("cmo.route").joinpath("shipped")


def _model(folder: Traversable) -> Model:
    head = Head.from_bytes(_bytes(folder, HEAD), f"{folder}/{HEAD}")
    try:
        calibration = Calibration.of(json.loads(_bytes(folder, CALIBRATION)))
    except ValueError as error:
        raise ModelCorrupt(
            f"{folder}/{CALIBRATION} is no calibration: {error}. Make it anew with `cmo route calibrate`."
        ) from error
    return Model(head, calibration)


def _bytes(folder: Traversable, name: str) -> bytes:
    try:
        return folder.joinpath(name).read_bytes()
    except OSError as error:
        step = "calibrate" if name == CALIBRATION else "train"
        raise ModelMissing(f"There is no {name} in {folder}. Make it with `cmo route {step}`.") from error
