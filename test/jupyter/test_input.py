"""Questions and history through jupyter_client, as a console asks them."""

from jupyter_client.manager import start_new_kernel


def test_a_cell_asks_the_client_and_goes_on_with_the_answer():
    manager, client = start_new_kernel(kernel_name="npulab")
    try:
        asked, shown = [], []

        def answer(message):
            asked.append(message["content"])
            client.input("Ada")

        reply = client.execute_interactive(
            "const name = await input('name: ');\n`hello ${name}`",
            stdin_hook=answer,
            output_hook=shown.append,
            allow_stdin=True,
            timeout=60,
        )
        assert reply["content"]["status"] == "ok"
        assert asked == [{"prompt": "name: ", "password": False}]
        results = [message["content"]["data"]["text/plain"] for message in shown if message["msg_type"] == "execute_result"]
        assert results == ["'hello Ada'"]
        refused = client.execute("await input('x')", allow_stdin=False, reply=True, timeout=60)
        assert "cell.input-not-allowed" in "\n".join(refused["content"]["traceback"])
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
