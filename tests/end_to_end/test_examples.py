"""The notebook in examples/ runs from its first cell to its last, in a kernel as Jupyter starts it."""

import signal
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.support import ROOT, wait_until, write_dump

pytestmark = pytest.mark.filterwarnings("default")  # of Jupyter's own


def client_of(notebook: nbformat.NotebookNode, folder: Path) -> NotebookClient:
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})


def _cell(source: str) -> nbformat.NotebookNode:
    return nbformat.NotebookNode(
        cell_type="code", source=source, metadata=nbformat.NotebookNode(), outputs=[], execution_count=None
    )


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_notebook_labels_reads_and_plots(tmp_path: Path) -> None:
    notebook = nbformat.reads((ROOT / "examples" / "emotions.ipynb").read_text(), as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    client_of(notebook, tmp_path).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("'gratitude', 'score': 0.9" in output.get("text", "") for output in shown)
    assert any("image/png" in output.get("data", {}) for output in shown)


def test_an_interrupted_cell_leaves_no_process_and_a_run_that_can_be_resumed(tmp_path: Path, tiny_model: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 100)
    label = f"moodmill.label({str(dump)!r}, store='sqlite:///m.db', model={str(tiny_model)!r}, chunk_comments=1)"
    resume = "moodmill.Store('sqlite:///m.db').runs()[0].resume(progress=False).succeeded"
    cells = [_cell(source) for source in ("import moodmill", label, resume)]
    cells[1].metadata["tags"] = ["raises-exception"]
    notebook = nbformat.NotebookNode(nbformat=4, nbformat_minor=5, metadata={}, cells=cells)
    client = client_of(notebook, tmp_path)

    def interrupt() -> None:
        wait_until(lambda: workers() and began())
        assert isinstance(client.km, KernelManager)
        client.km.provisioner.process.send_signal(signal.SIGINT)  # type: ignore[union-attr]

    def began() -> bool:
        with suppress(sqlite3.Error), sqlite3.connect(f"file:{tmp_path}/m.db?mode=ro", uri=True) as connection:
            return bool(connection.execute("select count(*) from run").fetchone()[0])
        return False

    def workers() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "moodmill.worker" in process.cmdline() and process.cwd() == str(tmp_path):
                    found.append(process)
        return found

    stopper = threading.Thread(target=interrupt)
    stopper.start()
    client.execute()
    stopper.join()
    # what the worker wrote last may come after the error
    raised = [output["ename"] for output in cells[1].outputs if output["output_type"] == "error"]
    assert raised == ["KeyboardInterrupt"], cells[1].outputs
    assert cells[2].outputs[-1]["data"]["text/plain"] == "True"
    assert workers() == []
