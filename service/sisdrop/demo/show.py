"""Runs the demo: the server, the service and the four files, all in one loop."""

import asyncio
import secrets
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from sisdrop import log
from sisdrop.app import Locked, Service
from sisdrop.build import LEDGER, Shop
from sisdrop.delivery.demo_server import serve_folder
from sisdrop.demo.narrator import Narrator, Places
from sisdrop.demo.performance import Performance
from sisdrop.demo.screen import Screen, near
from sisdrop.demo.stage import Stage, Unsuitable, choose_http_port
from sisdrop.errors import ConfigError, ServiceError
from sisdrop.ledger import Ledger
from sisdrop.lock import Lock
from sisdrop.settings import load_settings


def run_demo(directory: Path, *, once: bool) -> bool:
    """Play the four files; returns whether all went as it must.

    `once` plays in a fresh folder below `directory`, in short times, and stops by itself; the
    folder goes when all went well. Otherwise the demo runs until it is interrupted.

    If killed here: the folders stand as the service left them; the next start carries on.
    """
    stage = Stage(directory / f"once-{secrets.token_hex(4)}" if once else directory)
    screen = Screen(stage)
    found = directory.exists()
    try:
        good = _play(stage, screen, once=once)
    except Unsuitable as error:
        screen.trouble(str(error))
        return False
    except Locked:
        screen.trouble(f"another sisdrop works in {stage.data}; stop it first")
        return False
    except ServiceError as error:
        screen.trouble(error.hint)
        return False
    except ConfigError as error:
        screen.trouble(str(error))
        return False
    except OSError as error:
        screen.trouble(f"{error.filename or 'this machine'}: {error.strerror or error}")
        return False
    if once and good:
        shutil.rmtree(stage.folder)
        if not found:
            with suppress(OSError):
                directory.rmdir()  # somebody else may use it by now
    return good


def _play(stage: Stage, screen: Screen, *, once: bool) -> bool:
    stage.check()
    stage.furnish()
    with Lock(stage.folder) as lock:
        if not lock.acquire():
            raise Unsuitable(f"another demo runs in {stage.folder}; stop it, or name another --dir")
        stage.check_free()
        with stage.log.open("a", encoding="utf-8") as lines:
            log.configure(stream=lines)
            try:
                return uvloop.run(_run(stage, screen, once=once))
            except KeyboardInterrupt:
                return False  # before the service was there to stop in good order
            finally:
                log.configure("error", "text")


async def _run(stage: Stage, screen: Screen, *, once: bool) -> bool:
    public_key = stage.make_key()
    async with serve_folder(stage.server, public_key, stage.known_hosts) as port:
        stage.write_config(port, 0 if once else choose_http_port(), hurry=once)
        # Nothing from the environment: the demo must never reach a real server.
        service = Service(load_settings(stage.config, {}), log.get())
        opened: asyncio.Future[Shop] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(service.run(opened.set_result), name="service")
        await _first(running, opened)
        if not opened.done():
            await running
            return False
        # A reader of its own, as commands have: it outlives the service that is being stopped.
        with Ledger(stage.data / LEDGER, read_only=True) as ledger:
            places = Places(near(stage.inbox), near(stage.data))
            narrator = Narrator(ledger, opened.result().situation, places)
            performance = Performance(stage, screen, narrator, service.port, hurry=once)
            playing = asyncio.create_task(_perform(performance, once=once), name="demo")
            await _first(running, playing)
            return await _end(service, running, playing, screen, once=once)


async def _first(*waited_for: asyncio.Future[Any]) -> None:
    await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)


async def _perform(performance: Performance, *, once: bool) -> bool:
    now = datetime.now(UTC)
    if once:
        return await performance.prove(now)
    await performance.play(now)
    await performance.go_on()
    return True


async def _end(
    service: Service,
    running: asyncio.Task[bool],
    playing: asyncio.Task[bool],
    screen: Screen,
    *,
    once: bool,
) -> bool:
    """Stop whichever of the two still runs; an interrupted demo is good, a broken proof is not."""
    interrupted = running.done()
    playing.cancel()
    await asyncio.wait({playing})
    if not interrupted:
        service.stop()
    await running
    if not interrupted:
        return playing.result()
    screen.closing()
    return not once
