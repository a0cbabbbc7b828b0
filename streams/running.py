"""Starts the service from its settings with its HTTP side, and ends both in order."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from classifiers.trained.serve import Model, ModelUnavailable
from connectors.simulated import SimulatedActuator
from connectors.webhook import WebhookActuator
from policies.directory import Directory
from streams.cli.output import console, errors
from streams.embedded import Embedded
from streams.http import Serving, is_loopback, serve, tell_started
from streams.loading import classifiers_from, fleet_from, model_folder, packs_from, rest_collector
from streams.logs import say
from streams.metrics import Metrics
from streams.metrics.targets import announced
from streams.service import Service
from streams.settings import Settings, SettingsError, check_actions
from streams.store import HostLock, Store
from streams.tuning.registry import in_force

# Under load a step takes at most this many records, so that posts never wait long for the store.
_CHUNK = 256


@asynccontextmanager
async def running(settings: Settings, **options: Any) -> AsyncIterator[tuple[Service, Serving]]:
    """The service and its HTTP side; both stopped in order at the end. SettingsError where they cannot be used."""
    if not settings.webhook_secrets and not is_loopback(settings.host):
        raise SettingsError(
            f"listening on {settings.host} needs signed posts: set XUNQUN_WEBHOOK_SECRETS, or listen on 127.0.0.1"
        )
    check_actions(settings)
    fleet = fleet_from(settings.fleet)
    packs = packs_from(settings.packs, fleet)
    classifiers = classifiers_from(settings.model, settings.lists, settings.registry)
    classifiers.warm_up()
    rest_collector()
    lock = HostLock(settings.dir)
    # The store's thread computes while the loop answers: at the usual 5 ms each answer would wait that long for its turn.
    sys.setswitchinterval(0.001)
    metrics = Metrics()
    try:
        store = Store(settings.dir / "xunqun.db")
        host = Embedded(store, classifiers, packs, Directory(fleet), chunk=_CHUNK)
        async with aiohttp.ClientSession() as session:
            actuator = (
                WebhookActuator(settings.action_url, settings.action_secret, session)
                if settings.action_url and settings.action_secret
                else SimulatedActuator()
            )
            service = Service(
                host,
                actuator,
                metrics,
                tick_seconds=settings.tick_seconds,
                keep_text=settings.retention_days * 86_400_000,
                budgets=settings.budgets,
                **options,
            )
            await service.start()
            serving = await serve(
                service,
                host=settings.host,
                port=settings.port,
                secrets=settings.webhook_secrets,
                api_token=settings.api_token,
                metrics=metrics,
            )
            try:
                with announced(settings.targets, "run", serving.host, serving.port):
                    yield service, serving
            finally:
                await serving.stop()
                await service.stop()
    finally:
        lock.release()


async def serve_settings(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with running(settings) as (service, serving):
        # Before it says that it listens: who reads that may stop it at once.
        stop = stop_signal()
        base = f"http://{serving.host}:{serving.port}"
        groups = len(service.host.directory.groups)
        console.print(f"Xunqun listens on {base}: post observations to {base}/observations, status page {base}/")
        console.print(f"{groups} groups, packs {', '.join(sorted(service.host.packs))}, database in {settings.dir}")
        if not settings.action_url:
            console.print("no XUNQUN_ACTION_URL is set: actions are simulated and nothing is sent")
        if why := _no_weights(settings, service):
            errors.print(f"xunqun: {why} Until then its categories are unavailable.", markup=False, soft_wrap=True)
        elif settings.model == "default" and (trouble := in_force(settings.registry).trouble):
            errors.print(f"xunqun: {trouble}", markup=False, soft_wrap=True)
        tell_started(serving.host, serving.port)
        service.tell_edition()
        await stop.wait()
        say("stopping")
        console.print("stopping: what was posted is being stored")
    say("stopped", code=0)


def _no_weights(settings: Settings, service: Service) -> str | None:
    """Why no trained model serves, in a sentence; None where one does."""
    if service.host.screen.classifiers.model_version is None:
        try:
            Model.load(model_folder(settings.model, settings.registry))
        except ModelUnavailable as error:
            return error.reason
    return None


def stop_signal() -> asyncio.Event:
    """Set by SIGINT or SIGTERM, which from now on do not end the process by themselves."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    return stop
