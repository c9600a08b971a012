"""Over TLS: a venue is asked where its certificate is trusted and names it, and nowhere else."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.apprise_tls import certified

# A process of its own: trusted CAs are read once, when aiohttp is imported.
ASK = """
import asyncio, sys
from daemon.exchanges.errors import Trouble
from daemon.exchanges.http import Http

async def ask():
    http = Http(sys.argv[1])
    await http.open()
    try:
        for _ in range(2):
            print((await http.get("/p", {})).body.decode())
    except Trouble as trouble:
        print(trouble.reason, trouble.venue_wide)
    finally:
        await http.close()

asyncio.run(ask())
"""


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """Of a server that answers each call with the number of its connection."""
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        body = f"connection {connections}"
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certified(tmp_path, ["localhost"]))
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def asked(url: str, trusted: Path | None) -> list[str]:
    environment = {**os.environ, **({} if trusted is None else {"SSL_CERT_FILE": str(trusted)})}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASK, url, env=environment, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return told.decode().splitlines()


async def test_a_venue_that_proves_its_name_is_asked_over_one_connection(port: int, tmp_path: Path) -> None:
    told = await asked(f"https://localhost:{port}", tmp_path / "ca.pem")
    assert told == ["connection 1", "connection 1"]


@pytest.mark.parametrize("host, trusts", [("localhost", False), ("127.0.0.1", True)])
async def test_a_certificate_of_nobody_known_or_of_another_name_is_not_asked(
    port: int,
    tmp_path: Path,
    host: str,
    trusts: bool,  # noqa: FBT001
) -> None:
    told = await asked(f"https://{host}:{port}", tmp_path / "ca.pem" if trusts else None)
    assert told == ["the TLS certificate is not trusted True"]
