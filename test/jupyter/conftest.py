"""Installs the kernelspec under a temporary prefix, with the product's own command, for every test here."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def kernelspec(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["node", str(ROOT / "kernel-ts/bin/npulab.js"), "install", "--prefix", str(prefix)], check=True)
    os.environ["JUPYTER_PATH"] = str(prefix / "share/jupyter")
    os.environ["XDG_STATE_HOME"] = str(prefix / "state")
    os.environ["XDG_DATA_HOME"] = str(prefix / "data")
    return prefix
