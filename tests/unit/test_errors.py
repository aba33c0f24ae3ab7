"""The exception tree: drawn as it is, each with a code of its own and a fitting status."""

import pickle  # noqa: TID251 - what crosses here was made here
import re

from cmo import errors
from cmo.errors import OracleError, PaperRefused


def tree() -> list[type[OracleError]]:
    return [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, OracleError)]


def test_the_drawing_names_every_error_under_its_parent() -> None:
    drawn: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([\s│├└─]*)([A-Z]\w+)(?:\s\s|$)", line)
        if match and (match[2].endswith("Error") or "──" in match[1]):
            drawn.append((len(match[1]), match[2]))
    parents: dict[str, str] = {}
    open_: list[tuple[int, str]] = []
    for depth, name in drawn:
        open_ = [(d, n) for d, n in open_ if d < depth]
        parents[name] = open_[-1][1] if open_ else "Exception"
        open_.append((depth, name))
    assert parents == {e.__name__: e.__bases__[0].__name__ for e in tree()}


def test_each_error_has_a_code_of_its_own_and_an_error_status() -> None:
    codes = [e.code for e in tree()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert all(400 <= e.status < 600 for e in tree())


def test_a_refusal_crosses_a_process_border_whole() -> None:
    refused = pickle.loads(pickle.dumps(PaperRefused("empty", "a.pdf is empty.", "Download it again.")))
    assert (refused.reason, refused.detail, refused.remedy) == ("empty", "a.pdf is empty.", "Download it again.")
    assert str(refused) == "a.pdf is empty. Download it again."
