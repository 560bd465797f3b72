"""nbval: a notebook with stored outputs is a test; run again, every output must be the same."""

import copy
import pathlib
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[2]


def cell(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


@pytest.fixture(scope="module")
def stored():
    """A notebook of every kind of output, executed once."""
    cells = [
        cell("const rows = [{ name: 'q', us: 1.5 }, { name: 'k', us: 2 }];\nconsole.log('one'); console.error('two'); rows"),
        cell("await display(html`<b>${rows.length}</b>`); rows.map((row) => row.us)"),
        cell("performance.now()", "nbval-ignore-output"),
        cell("throw new RangeError('too far')", "raises-exception"),
        cell("process.exit(1)", "nbval-skip"),
        cell("rows.length", "nbval-check-output"),
    ]
    kernelspec = {"name": "npulab", "display_name": "TypeScript (NPU Lab)", "language": "typescript"}
    book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec})
    skipped = book.cells.pop(4)
    NotebookClient(book, timeout=60).execute()
    book.cells.insert(4, skipped)
    return book


def nbval(book, folder, *options):
    nbformat.write(book, folder / "test.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *options, str(folder / "test.ipynb")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_every_output_is_the_same_when_the_notebook_runs_again(stored, tmp_path):
    ran = nbval(stored, tmp_path, "--nbval")
    assert ran.returncode == 0, ran.stdout
    assert "5 passed, 1 skipped" in ran.stdout


def test_another_output_is_found_in_its_cell(stored, tmp_path):
    changed = copy.deepcopy(stored)
    changed.cells[5].outputs[0].data["text/plain"] = "3"
    ran = nbval(changed, tmp_path, "--nbval-lax")
    assert ran.returncode == 1
    assert "1 failed, 4 passed, 1 skipped" in ran.stdout
    assert "test.ipynb::Cell 5" in ran.stdout


def test_the_tour_runs_under_nbval(tmp_path):
    ran = nbval(nbformat.read(ROOT / "notebooks/00-tour.ipynb", as_version=4), tmp_path, "--nbval-lax")
    assert ran.returncode == 0, ran.stdout
