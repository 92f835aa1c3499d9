"""docker-compose.yml keeps to the rules: it is read by compose, and its services are confined."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from moodmill.producers.schedule.beat import STOP_S
from moodmill.worker.runtime.supervisor import STOP_TIMEOUT_S
from tests.deploy.service import ROOT, SECRETS, SERVICES, is_ours, read_compose, seconds
from tests.support import program


@pytest.mark.parametrize("profile", [None, "cpu", "gpu", "manual"])
def test_compose_takes_the_file(profile: str | None) -> None:
    chosen = ["--profile", profile] if profile else []
    for more in ([], ["-f", "docker-compose.yml", "-f", "deploy/compose.ports.yml"]):
        command = [program("docker-compose"), *more, *chosen, "config"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        resolved = yaml.safe_load(done.stdout)["services"]
        # Older versions show those of other profiles, too.
        assert {name for name, one in SERVICES.items() if profile in one.get("profiles", [profile])} <= set(resolved)
        assert resolved["redis"]["command"][-1].count("$$(cat /run/secrets/redis_password)") == 1


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert group.isdecimal()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "networks"} <= set(service)
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name in ("migrate", "producer") else "unless-stopped")
    assert ("healthcheck" in service) == (service["restart"] != "no")
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
    image, _, tag = service["image"].partition(":")
    assert image == "moodmill" or re.search(r"\d+\.\d|^\d+-", tag), service["image"]
    for value in service.get("environment", {}).values():
        assert "password" not in str(value) or str(value).startswith("/run/secrets/")


def test_each_image_of_ours_is_built_once_and_never_looked_for_elsewhere() -> None:
    built = [service["image"] for service in SERVICES.values() if "build" in service]
    assert sorted(built) == ["moodmill:cpu", "moodmill:cuda", "moodmill:producer"]
    for service in SERVICES.values():
        if is_ours(service) and "build" not in service:
            assert service["pull_policy"] == "never"
            # which is built before
            assert any(
                SERVICES[one].get("build") and SERVICES[one]["image"] == service["image"]
                for one in service["depends_on"]
            )


def test_settings_of_the_environment_reach_every_service_of_ours() -> None:
    given = {"MOODMILL_KEEP_MONTHS": "24", "MOODMILL_BATCH_TOKENS": "4096", "MOODMILL_LABELS": "goemotions"}
    given |= {"HF_TOKEN": "hf_x", "HF_MODEL_REVISION": "v1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://traces:4318"}
    for name, service in read_compose(given)["services"].items():
        if is_ours(service):
            assert {key: str(service["environment"][key]) for key in given} == given, name


def test_workers_differ_in_their_device_alone() -> None:
    cpu, gpu = SERVICES["worker-cpu"], SERVICES["worker"]
    assert cpu["networks"]["monitoring"]["aliases"] == ["worker"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    for part in ("command", "healthcheck", "depends_on", "stop_grace_period", "volumes", "secrets"):
        assert cpu[part] == gpu[part]
    own = {"MOODMILL_DEVICE", "OMP_NUM_THREADS"}
    assert {name: cpu["environment"][name] for name in cpu["environment"] if name not in own} == {
        name: gpu["environment"][name] for name in gpu["environment"] if name not in own
    }


def test_services_get_the_time_to_stop_that_they_need() -> None:
    assert seconds(SERVICES["beat"]["stop_grace_period"]) > STOP_S
    assert seconds(SERVICES["worker-cpu"]["stop_grace_period"]) > STOP_TIMEOUT_S


def test_secrets_are_made_once_for_their_owner_and_the_containers(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make-secrets.sh"
    script.parent.mkdir()
    script.write_bytes((ROOT / "deploy" / script.name).read_bytes())
    folder = tmp_path / "secrets"

    def made() -> dict[str, str]:
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
        return {file.name: file.read_text() for file in folder.iterdir()}

    folder.mkdir(mode=0o700)
    (folder / ".redis_password.part").touch(0o444)  # of one that was killed
    first = made()
    assert set(first) == set(SECRETS)
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in first.values())
    assert len(set(first.values())) == len(first)
    assert made() == first
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "secrets/redis_password"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
