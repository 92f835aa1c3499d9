"""How text is cut is read once by transformers, and by a library of milliseconds from then on."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.inference import vocabulary
from moodmill.worker.inference.repository import BUNDLED
from moodmill.worker.inference.tokens import TextTokenizer
from moodmill.worker.inference.vocabulary import read_vocabulary
from tests.support import clean_environment
from tests.worker.architectures import FAMILIES, Family, make_of

#: Families that run without transformers and torch.
DIRECT = ("Bert", "Roberta", "DistilBert", "Electra")
TEXTS = ["I love this!", "so😂 much…  ünknöwn 字", "", "[MASK] <mask> ##ing", "don't   STOP\nnow " * 30]


def test_the_bundled_vocabulary_is_read_of_its_file_as_transformers_reads_it() -> None:
    by_file, by_transformers = vocabulary._of_file(BUNDLED), vocabulary._by_transformers(BUNDLED)
    assert by_file == replace(by_transformers, made_by=None)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_what_is_kept_cuts_as_transformers_does(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_of(family, tmp_path / family.name, EMOTIONS)
    first = TextTokenizer(folder, 64, cache=tmp_path / "cache").encode(TEXTS)
    monkeypatch.setattr(vocabulary, "_by_transformers", lambda _: pytest.fail("read again"))
    assert TextTokenizer(folder, 64, cache=tmp_path / "cache").encode(TEXTS) == first
    monkeypatch.undo()
    assert TextTokenizer(folder, 64).encode(TEXTS) == first


@pytest.mark.parametrize("family", [one for one in FAMILIES if one.name in DIRECT], ids=lambda one: one.name)
def test_the_file_alone_cuts_alike_where_transformers_is_not_installed(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_of(family, tmp_path / family.name, EMOTIONS)
    by_transformers = TextTokenizer(folder, 64).encode(TEXTS)
    monkeypatch.setattr(vocabulary, "_transformers", lambda: None)
    assert TextTokenizer(folder, 64).encode(TEXTS) == by_transformers


def test_what_transformers_made_is_taken_where_it_is_not_installed_and_made_anew_by_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_of(FAMILIES[3], tmp_path / "model", EMOTIONS)
    first = TextTokenizer(folder, 64, cache=tmp_path / "cache").encode(TEXTS)
    monkeypatch.setattr(vocabulary, "_transformers", lambda: None)
    assert TextTokenizer(folder, 64, cache=tmp_path / "cache").encode(TEXTS) == first
    monkeypatch.setattr(vocabulary, "_transformers", lambda: "99.0")
    monkeypatch.setattr(vocabulary, "_by_transformers", lambda _: pytest.fail("read again"))
    with pytest.raises(pytest.fail.Exception, match="read again"):
        read_vocabulary(folder, tmp_path / "cache")


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    folder = make_of(FAMILIES[0], tmp_path / "model", EMOTIONS)
    before = read_vocabulary(folder, tmp_path / "cache")
    other = make_of(FAMILIES[1], tmp_path / "other", EMOTIONS)
    (folder / "tokenizer.json").write_bytes((other / "tokenizer.json").read_bytes())
    (folder / "tokenizer_config.json").write_bytes((other / "tokenizer_config.json").read_bytes())
    assert read_vocabulary(folder, tmp_path / "cache").highest_id != before.highest_id


def test_what_is_kept_and_damaged_is_told_and_read_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_of(FAMILIES[0], tmp_path / "model", EMOTIONS)
    first = read_vocabulary(folder, tmp_path / "cache")
    [path] = (tmp_path / "cache").iterdir()
    path.write_bytes(b"{")
    assert read_vocabulary(folder, tmp_path / "cache").highest_id == first.highest_id
    assert "cannot be read, making it anew" in caplog.text


def test_a_vocabulary_that_only_transformers_reads_is_a_model_error_without_it(tmp_path: Path) -> None:
    folder = make_of(FAMILIES[0], tmp_path / "model", EMOTIONS)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer.json: what reads others comes with pip install"):
        vocabulary._of_file(folder)


def test_the_bundled_model_classifies_without_torch_and_transformers(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers']));"
        "from moodmill import EmotionClassifier;"
        "print(EmotionClassifier.from_pretrained(precision='fp32', batch_tokens=512)('I love this!', top_k=1))"
    )
    environment = clean_environment(MOODMILL_CACHE=str(tmp_path))
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert "'label': 'love'" in said.stdout, said.stderr
