"""Tools that run and convert notebooks: papermill, nbconvert, jupytext. Each is asked for what it can do without knowing TypeScript."""

import json
import pathlib
import re
import subprocess
import sys

import jupytext
import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOUR = ROOT / "notebooks/00-tour.ipynb"


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernelspec = {"name": "npulab", "display_name": "TypeScript (NPU Lab)", "language": "typescript"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


def texts(ran):
    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.get("text") or output.data["text/plain"] for output in outputs if output.output_type != "error"]


def test_papermill_runs_a_notebook_and_stops_at_its_error(tmp_path):
    nbformat.write(notebook("const a: number = 20", "a + 1"), tmp_path / "in.ipynb")
    ran = papermill.execute_notebook(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False)
    assert texts(ran) == ["21"]
    nbformat.write(notebook("1", "throw new RangeError('up')", "2"), tmp_path / "bad.ipynb")
    with pytest.raises(papermill.PapermillExecutionError) as failure:
        papermill.execute_notebook(str(tmp_path / "bad.ipynb"), str(tmp_path / "bad-out.ipynb"), progress_bar=False)
    assert (failure.value.ename, failure.value.evalue) == ("RangeError", "up")


def test_papermill_has_no_translator_for_parameters_and_says_so(tmp_path):
    nbformat.write(notebook("const a = 1"), tmp_path / "in.ipynb")
    with pytest.raises(papermill.exceptions.PapermillException, match="No parameter translator"):
        papermill.execute_notebook(str(tmp_path / "in.ipynb"), None, parameters={"a": 2}, progress_bar=False)


def test_a_translator_in_ten_lines_gives_papermill_parameters(tmp_path):
    # The lines that docs/jupyter-tools.md shows.
    source = (ROOT / "docs/jupyter-tools.md").read_text()
    exec(re.search(r"```python\n(.*?)```", source, re.DOTALL)[1], {})
    defaults = nbformat.v4.new_code_cell("const label = 'x'; const rates = [1];", metadata={"tags": ["parameters"]})
    book = notebook("({ label, rates, deep })")
    book.cells.insert(0, defaults)
    nbformat.write(book, tmp_path / "in.ipynb")
    parameters = {"label": 'a "quoted"', "rates": [1, 2.5], "deep": {"on": True, "off": None}}
    ran = papermill.execute_notebook(str(tmp_path / "in.ipynb"), None, parameters=parameters, progress_bar=False)
    assert texts(ran) == ["{ label: 'a \"quoted\"', rates: [ 1, 2.5 ], deep: { on: true, off: null } }"]


def test_papermill_removes_the_marks_that_npulab_run_leaves_and_the_other_way_round(tmp_path):
    nbformat.write(notebook("1", "throw new Error('up')"), tmp_path / "in.ipynb")
    run = ["node", str(ROOT / "kernel-ts/bin/npulab.js"), "run", str(tmp_path / "in.ipynb"), "-o", str(tmp_path / "out.ipynb"), "--quiet"]
    assert subprocess.run(run, capture_output=True).returncode == 1
    marked = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert [cell.metadata.get("tags") for cell in marked.cells] == [["papermill-error-cell-tag"], None, ["papermill-error-cell-tag"], None]
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook(str(tmp_path / "out.ipynb"), str(tmp_path / "again.ipynb"), progress_bar=False)
    again = nbformat.read(tmp_path / "again.ipynb", as_version=4)
    assert len(again.cells) == 4
    run[3:6] = [str(tmp_path / "again.ipynb"), "-o", str(tmp_path / "third.ipynb")]
    assert subprocess.run(run, capture_output=True).returncode == 1
    assert len(nbformat.read(tmp_path / "third.ipynb", as_version=4).cells) == 4


def test_nbconvert_html_of_the_tour_shows_every_plot_and_table_and_colours_typescript(tmp_path):
    book = nbformat.read(TOUR, as_version=4)
    NotebookClient(book, timeout=120, kernel_name="npulab").execute()
    assert book.metadata.language_info.pygments_lexer == "typescript"
    html, _ = HTMLExporter().from_notebook_node(book)
    plots = [o for c in book.cells for o in c.get("outputs", []) if "image/svg+xml" in o.get("data", {})]
    assert len(plots) == 2
    assert html.count('data-mime-type="image/svg+xml"') == len(plots)
    assert '<table class="npulab-table">' in html
    assert 'class="highlight hl-typescript"' in html or '<span class="kd">interface</span>' in html
    assert "TS2322" in html


def test_jupytext_pairs_cells_with_a_ts_file_and_back_and_the_result_runs(tmp_path):
    book = notebook("const a: number = 20", "// %%time is no magic here\na * 2")
    book.cells.insert(1, nbformat.v4.new_markdown_cell("# Title\n\ntext"))
    for form in ("ts:percent", "ts:light"):
        text = jupytext.writes(book, fmt=form)
        assert ("// %%" in text) == (form == "ts:percent") or form == "ts:light"
        back = jupytext.reads(text, fmt=form)
        assert [(c.cell_type, c.source) for c in back.cells] == [(c.cell_type, c.source) for c in book.cells]
    (tmp_path / "cells.ts").write_text(jupytext.writes(book, fmt="ts:percent"))
    command = [sys.executable, "-m", "jupytext", "--to", "ipynb", "--execute", str(tmp_path / "cells.ts")]
    subprocess.run(command, check=True, capture_output=True)
    assert texts(nbformat.read(tmp_path / "cells.ipynb", as_version=4)) == ["40"]


def test_jupyter_run_sends_the_files_that_it_also_names_to_the_kernel(tmp_path):
    (tmp_path / "one.ts").write_text("const n: number = 41;\n")
    (tmp_path / "two.ts").write_text("console.log(n + 1);\n")
    run = [sys.executable, "-m", "jupyter", "run", "--kernel=npulab", str(tmp_path / "one.ts"), str(tmp_path / "two.ts")]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "42\n"


def test_nbconvert_executes_and_exports_a_script_that_typescript_reads(tmp_path):
    nbformat.write(notebook("const a: number = 1", "a"), tmp_path / "in.ipynb")
    convert = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output", "out.ipynb", str(tmp_path / "in.ipynb")]
    subprocess.run(convert, check=True, capture_output=True)
    ran = json.loads((tmp_path / "out.ipynb").read_text())
    assert ran["cells"][1]["outputs"][0]["data"]["text/plain"] == ["1"]
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "script", str(tmp_path / "out.ipynb")], check=True, capture_output=True)
    assert (tmp_path / "out.ts").read_text().split() == "const a: number = 1 a".split()
