"""The services of docker-compose.yml find each other, are healthy only where they work, and stop in order.

No container engine is needed: what is ours runs as processes, beside a real Valkey, PostgreSQL and Prometheus. Grafana
is not run: what it reads is checked in test_dashboards.py.
"""

import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import redis
from sqlalchemy import Engine, text

from tests.deploy.conftest import Deployment
from tests.deploy.service import SECRETS, SERVICES, Service, in_order, wait_until_healthy
from tests.support import wait_until, write_dump


def test_what_is_dropped_is_in_the_roll_ups_with_nobody_touching_anything(deployment: Deployment) -> None:
    services, folder = deployment.services, deployment.folder

    # given all services, each started when those that it depends on are up
    running = start(services, ["prometheus", "worker-cpu", "beat"])
    broker = redis.Redis(port=deployment.redis_port, password=SECRETS["redis_password"], decode_responses=True)
    check_options(broker)
    wait_until_healthy(running)

    # when a dump comes into the watched folder, and another one is labelled by hand
    dump = write_dump(folder / "dumps" / ".RC_2031-01.ndjson", ["one", "two", "three"], created_utc=1_925_000_000)
    dump.rename(folder / "dumps" / "RC_2031-01.ndjson")
    write_dump(folder / "moodmill" / "RC_2006-01.ndjson", ["four"], id="by_hand", created_utc=1_136_073_600)
    assert services["producer"].run("label", "/home/moodmill/RC_2006-01.ndjson") == 0, deployment.said()

    # and while that is waited for, what stands still, or does not know its password, is not healthy
    worker, beat = services["worker-cpu"], services["beat"]
    with worker.standing_still(), beat.standing_still():
        wait_until(lambda: not [key for part in ("worker", "beat") for key in broker.scan_iter(f"moodmill:{part}:*")])
        assert not worker.healthy()
        assert not beat.healthy()
    for name in ("redis", "postgres"):
        service = services[name]
        assert service.healthy()
        service.places = {**service.places, "/run/secrets": str(folder / "wrong")}
        assert not service.healthy()

    # then both are in the roll-ups, for the role of the dashboards
    days = "select cast(day as text), comments from emotion_by_day where emotion = 'joy' order by day"
    reader = deployment.engine("grafana_reader")
    wait_until(lambda: asked(reader, days) == [("2006-01-01", 1), ("2031-01-01", 3)], 90)
    wait_until_healthy([worker, beat])
    check_targets(services["prometheus"])
    shown_by_ps = " ".join(word for one in running for process in one.processes() for word in process.cmdline())

    # and all stop in order, with nothing left to do
    owner = deployment.engine("moodmill")
    assert asked(owner, "select distinct state from chunk") == [("done",)]
    wait_until(lambda: broker.llen("moodmill:chunks") == broker.hlen("moodmill:unacked") == 0)
    broker.close()
    reader.dispose()
    owner.dispose()
    for service in reversed(running):
        assert service.stop() == 0, service.log.read_text()
        assert not service.healthy()
    said = deployment.said()
    for password in SECRETS.values():
        assert password not in said
        assert password not in shown_by_ps


def start(services: Mapping[str, Service], wanted: Sequence[str]) -> list[Service]:
    """Start services and what they depend on as the file says, and return those that go on running."""
    running = []
    for name in in_order(SERVICES, wanted):
        conditions = SERVICES[name].get("depends_on", {})
        wait_until_healthy([services[one] for one, on in conditions.items() if on["condition"] == "service_healthy"])
        if SERVICES[name]["restart"] == "no":
            assert services[name].run(*SERVICES[name]["command"]) == 0, services[name].log.read_text()
        elif name != "postgres":  # which runs, as what its image does at its first start is done
            services[name].start()
            running.append(services[name])
    return running


def asked(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).all())


def check_options(broker: redis.Redis) -> None:
    """Each option of the command is in force, and the password too."""
    given = dict(re.findall(r"--(\S+) (\S+)", SERVICES["redis"]["command"][-1]))
    assert set(given) == {"dir", "appendonly", "appendfsync", "maxmemory", "maxmemory-policy"}
    in_force = {name: broker.config_get(name)[name] for name in given}
    assert in_force == given | {"dir": in_force["dir"], "maxmemory": str(1 << 30)}
    assert broker.config_get("requirepass") == {"requirepass": SECRETS["redis_password"]}


def check_targets(prometheus: Service) -> None:
    """Prometheus asks whom its file names, and gets answers."""
    place = prometheus.places["127.0.0.1:9090"]

    def targets() -> dict[str, str]:
        with urllib.request.urlopen(f"http://{place}/api/v1/targets") as answer:
            return {one["labels"]["job"]: one["health"] for one in json.load(answer)["data"]["activeTargets"]}

    assert set(targets()) == {"worker", "beat", "producer"}
    wait_until(lambda: targets()["worker"] == targets()["beat"] == "up")
