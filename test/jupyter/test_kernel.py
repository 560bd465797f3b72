"""Jupyter's own conformance suite, jupyter_kernel_test, on this kernel."""

import unittest

import jupyter_kernel_test


class NpulabKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "npulab"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('test')"
    code_generate_error = "throw new Error('an error')"
    code_execute_result = [{"code": "6 * 7", "result": "42"}, {"code": "'text'.length", "result": "4"}]
    completion_samples = [{"text": "const text = 'x'; text.toUpper", "matches": {"toUpperCase"}}]
    complete_code_samples = ["1 + 1", "const a: number = 2", "function f() {\n  return 1;\n}", "`a ${1} b`"]
    incomplete_code_samples = ["function f() {", "const a = [1,", "`open", "/* open"]
    invalid_code_samples = ["const = 1", "let 1a = 2", ")"]
    code_inspect_sample = "Math.max"
    code_display_data = [
        {"code": "display(html`<b>bold</b>`)", "mime": "text/html"},
        {"code": "display(md`*text*`)", "mime": "text/markdown"},
        {"code": "display(svg`<svg xmlns='http://www.w3.org/2000/svg'/>`)", "mime": "image/svg+xml"},
    ]
    code_clear_output = "kernel.clearOutput()"
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "6 ? *"


if __name__ == "__main__":
    unittest.main()
