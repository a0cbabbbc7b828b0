"""Real processes of `xunqun`, which tests may kill, starve and mislead. Each is ended by its own pid."""

import asyncio
import os
import sys

import pytest
from processes import Program, limit_files


@pytest.fixture
async def xunqun():
    """Starts `xunqun` with arguments. `most_bytes` bounds the size of every file it writes; settings go by name."""
    begun: list[Program] = []

    async def begin(*arguments: object, most_bytes: int | None = None, **settings: object) -> Program:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("XUNQUN_")}
        given = {f"XUNQUN_{name.upper()}": str(value) for name, value in settings.items()}
        program = Program(
            await asyncio.create_subprocess_exec(
                sys.executable,
                *("-c", "from streams.cli import main; main()"),
                *map(str, arguments),
                env=clean | given,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        )
        begun.append(program)
        if most_bytes is not None:
            limit_files(program, most_bytes)
        return program

    yield begin
    for program in begun:
        await program.kill()
