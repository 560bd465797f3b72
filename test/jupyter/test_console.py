"""Consoles in a terminal: Jupyter's own with this kernel, and the kernel's own."""

import os
import pathlib
import sys

import pexpect
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NPULAB = ["node", str(ROOT / "kernel-ts/bin/npulab.js")]


def terminal(command, *args, **environment):
    """Starts a program in a pseudo terminal; each expectation may take a minute on a busy machine."""
    env = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", **environment}
    return pexpect.spawn(command, list(args), env=env, timeout=60, encoding="utf-8", dimensions=(40, 100))


def test_jupyter_console_runs_cells_completes_and_stops_an_endless_one():
    child = terminal(sys.executable, "-m", "jupyter", "console", "--kernel", "npulab", "--simple-prompt")
    child.expect_exact("NPU Lab")
    child.expect_exact("In [1]:")
    child.sendline("const answer: number = 6 * 7")
    child.expect_exact("In [2]:")
    child.sendline("answer")
    child.expect_exact("42")
    child.expect_exact("In [3]:")
    child.sendline("const wrong: string = answer")
    child.expect_exact("TS2322")
    child.expect_exact("In [4]:")
    child.sendline('console.log("spin" + "ning"); while (true) {}')
    child.expect_exact("spinning")
    child.sendintr()
    child.expect_exact("Interrupted")
    child.sendline("answer + 1")
    child.expect_exact("43")
    child.sendeof()
    child.expect_exact("exit")
    child.sendline("y")
    child.expect(pexpect.EOF)


@pytest.fixture
def console(tmp_path):
    child = terminal(NPULAB[0], *NPULAB[1:], "console", TERM="xterm", XDG_DATA_HOME=str(tmp_path))
    child.expect_exact("In [1]: ")
    yield child
    child.close(force=True)


def test_our_console_reads_several_lines_with_their_indent_and_completes(console):
    console.sendline("function twice(x: number) {")
    console.expect_exact("   ...: \x1b[9G  ")
    console.sendline("return x * 2")
    console.sendline("}")
    console.expect_exact("In [2]: ")
    console.send("twi\t")
    console.expect_exact("ce")
    console.send("(21)\r")
    console.expect_exact("Out[2]: 42")


def test_our_console_stops_the_cell_on_ctrl_c_gives_up_a_line_and_ends_on_ctrl_d(console):
    console.sendline('let kept = 1; console.log("spin" + "ning"); while (true) {}')
    console.expect_exact("spinning")
    console.sendintr()
    console.expect_exact("Interrupted: the cell was interrupted")
    console.expect_exact("In [2]: ")
    console.send("never run")
    console.sendintr()
    console.expect_exact("In [2]: ")
    console.sendline("kept + 1")
    console.expect_exact("Out[2]: 2")
    console.expect_exact("In [3]: ")
    console.sendeof()
    console.expect(pexpect.EOF)
    console.close()
    assert console.exitstatus == 0


def test_our_console_asks_hides_a_password_and_rewrites_progress_in_place(console):
    console.sendline("const secret = await input('p' + 'in: ', { password: true }); secret.length")
    console.expect_exact("pin: ")
    console.send("hidden\r")
    console.expect_exact("Out[1]: 6")
    assert "hidden" not in console.before
    console.expect_exact("In [2]: ")
    console.sendline("const p = progress('copy', 2); p.update(1); p.done()")
    console.expect_exact("\r\x1b[Kcopy · 50 % · 1 / 2\r\x1b[Kcopy · done · 2")


def test_cells_of_an_earlier_session_are_under_the_arrow_key(tmp_path):
    for expected in (None, "Out[1]: 'remembered'"):
        child = terminal(NPULAB[0], *NPULAB[1:], "console", TERM="xterm", XDG_DATA_HOME=str(tmp_path))
        child.expect_exact("In [1]: ")
        child.send("'remembered'\r" if expected is None else "\x1b[A\r")
        child.expect_exact("Out[1]: 'remembered'")
        child.expect_exact("In [2]: ")
        child.sendeof()
        child.expect(pexpect.EOF)
