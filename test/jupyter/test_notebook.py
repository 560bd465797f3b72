"""nbclient, the engine of nbconvert --execute and papermill, runs the first notebook without an error."""

import pathlib

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_first_notebook_runs_in_nbclient_and_shows_its_charts():
    notebook = nbformat.read(ROOT / "notebooks/01-quantize-load-step.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="npulab", resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    charts = [output for output in outputs if "application/vnd.vegalite.v5+json" in output.get("data", {})]
    assert len(charts) == 3
    assert all("image/svg+xml" in chart.data and "text/plain" in chart.data for chart in charts)
    assert notebook.metadata.language_info.name == "typescript"


def test_a_failing_cell_stops_the_run_and_leaves_its_error_in_the_notebook():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("const n: number = 'text'")])
    client = NotebookClient(notebook, timeout=60, kernel_name="npulab", allow_errors=True)
    client.execute()
    (error,) = notebook.cells[0].outputs
    assert error.output_type == "error"
    assert "TS2322" in "\n".join(error.traceback)
