"""docker-compose.yml and what it mounts: paths, ports, names and flags that have to agree. No Docker is needed."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import arguments

Yaml = dict[str, Any]

ROOT = Path(__file__).parent.parent
COMPOSE: Yaml = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Yaml] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
each_service = pytest.mark.parametrize("name", SERVICES)


def substituted(text: str) -> str:
    """A text of the compose file with its variables at their defaults."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def mounts(name: str) -> dict[str, tuple[str, bool]]:
    """Of a service: the path inside -> what lies there, and whether it is read-only."""
    parts = [substituted(volume).split(":") for volume in SERVICES[name].get("volumes", [])]
    return {part[1]: (part[0], part[2:] == ["ro"]) for part in parts}


def inside(name: str, path: str) -> Path:
    """The file or folder of this repository that a service sees at a path."""
    target = max((target for target in mounts(name) if path == target or path.startswith(target + "/")), key=len)
    return ROOT / mounts(name)[target][0] / path[len(target) :].lstrip("/")


def ports_of(name: str) -> list[int]:
    return [int(port.rsplit(":", 1)[1]) for port in SERVICES[name]["ports"]]


def port_of(name: str) -> int:
    """The port of its page."""
    return ports_of(name)[0]


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


@each_service
def test_a_service_is_reached_from_this_machine_alone(name: str) -> None:
    assert SERVICES[name]["ports"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


@each_service
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert (service["security_opt"], service["cap_drop"]) == (["no-new-privileges:true"], ["ALL"])
    assert "privileged" not in service
    assert service["restart"] == "unless-stopped"


@each_service
def test_images_are_pinned_to_a_version(name: str) -> None:
    if "build" in SERVICES[name]:
        assert all(re.search(r":\d+\.\d+", image) for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    else:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


@each_service
def test_what_is_mounted_exists_and_cannot_be_written(name: str) -> None:
    for target, (source, read_only) in mounts(name).items():
        if source == "./secrets":  # the user's, and empty at first
            assert read_only
        elif source.startswith("."):
            assert (ROOT / source).exists(), source
            assert read_only, target
        else:
            assert source in COMPOSE["volumes"]


@each_service
def test_a_read_only_service_writes_to_its_volume(name: str) -> None:
    if SERVICES[name].get("read_only"):
        writable = [target for target, (_, read_only) in mounts(name).items() if not read_only]
        path = next(re.search(r"--storage[\w.]*\.path=(\S+)", flag) for flag in SERVICES[name]["command"] if ".path=" in flag)
        assert path is not None
        assert writable == [path[1]]


def test_dependencies_are_services_and_the_one_waited_for_can_be_healthy() -> None:
    for service in SERVICES.values():
        wanted = service.get("depends_on", {})
        assert set(wanted) <= set(SERVICES)
        if isinstance(wanted, dict):
            for name, how in wanted.items():
                assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]


def test_the_exporter_is_started_with_flags_that_it_has() -> None:
    options = arguments.parse(shlex.split(SERVICES["exporter"]["command"]))
    web = arguments.web(options)
    assert web.addresses == (f"0.0.0.0:{port_of('exporter')}",)
    assert options.application == ("0.0.0.0", ports_of("exporter")[1])
    assert not options.stack
    default = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert default is not None
    assert arguments.web(arguments.parse(json.loads(default[1]))) == web
    assert f"EXPOSE {port_of('exporter')}\n" in DOCKERFILE


def test_the_exporter_runs_as_a_user_that_has_a_name_and_is_not_root() -> None:
    last_stage = DOCKERFILE.rsplit("FROM ", 1)[1]
    user = re.search(r"^USER (\w+)$", last_stage, re.MULTILINE)
    assert user is not None
    assert re.search(rf"useradd .*\b{user[1]}$", last_stage, re.MULTILINE)


def test_the_health_check_asks_the_exporter_whether_it_is_ready() -> None:
    check = SERVICES["exporter"]["healthcheck"]["test"]
    assert f"http://127.0.0.1:{port_of('exporter')}/-/ready" in check[-1]
    compile(check[-1], "healthcheck", "exec")
    assert f"COPY --from=build {Path(check[1]).parents[1]} " in DOCKERFILE


def test_the_build_is_given_all_that_the_package_is_made_of() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*wheel["packages"], *wheel["force-include"]}
    assert set(allowed) == {path.split("/")[0] for path in needed}


def test_every_address_that_prometheus_reads_is_that_of_a_service() -> None:
    """The committed configuration is used as it is; only the addresses in targets/ are others."""
    given = {config["target"]: COMPOSE["configs"][config["source"]]["content"] for config in SERVICES["prometheus"]["configs"]}
    folder = Path("/etc/prometheus")
    assert set(given) == {str(folder / "targets" / file.name) for file in (ROOT / "prometheus/targets").glob("*.yml")}
    settings = read("prometheus/prometheus.yml")
    discoveries = [job["file_sd_configs"] for job in settings["scrape_configs"] + settings["alerting"]["alertmanagers"]]
    for (discovery,) in discoveries:
        for file in discovery["files"]:
            (group,) = yaml.safe_load(given[str(folder / file)])
            assert all(
                target in {f"{name}:{port}" for name in SERVICES for port in ports_of(name)} for target in group["targets"]
            )


def test_prometheus_finds_its_configuration_and_rules() -> None:
    assert inside("prometheus", "/etc/prometheus/prometheus.yml") == ROOT / "prometheus/prometheus.yml"
    (pattern,) = read("prometheus/prometheus.yml")["rule_files"]
    assert list(inside("prometheus", "/etc/prometheus/rules").glob(Path(pattern).name))
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]


def test_alertmanager_finds_its_configuration_templates_and_secrets() -> None:
    file = inside("alertmanager", "/etc/alertmanager/alertmanager.yml")
    assert file == ROOT / "prometheus/alertmanager.yml"
    (pattern,) = yaml.safe_load(file.read_text())["templates"]
    assert list(inside("alertmanager", "/etc/alertmanager/templates").glob(Path(pattern).name))
    secrets = re.findall(r"_file: (\S+)", file.read_text())
    assert secrets
    assert {str(Path(secret).parent) for secret in secrets} <= set(mounts("alertmanager"))


def test_grafana_reads_from_the_services_at_the_pace_of_the_scrapes() -> None:
    folder = inside("grafana", "/etc/grafana/provisioning/datasources")
    sources = [source for file in folder.glob("*.yaml") for source in yaml.safe_load(file.read_text())["datasources"]]
    assert {source["uid"]: source["url"] for source in sources} == {
        name: f"http://{name}:{port_of(name)}" for name in ("prometheus", "alertmanager")
    }
    (prometheus,) = [source for source in sources if source.get("isDefault")]
    assert prometheus["jsonData"]["alertmanagerUid"] == "alertmanager"
    assert prometheus["jsonData"]["timeInterval"] == read("prometheus/prometheus.yml")["global"]["scrape_interval"]


def test_grafana_shows_the_generated_dashboards_in_the_folders_they_lie_in() -> None:
    (file,) = inside("grafana", "/etc/grafana/provisioning/dashboards").glob("*.yaml")
    (provider,) = yaml.safe_load(file.read_text())["providers"]
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert "folder" not in provider
    assert provider["allowUiUpdates"] is False
    assert inside("grafana", provider["options"]["path"]) == ROOT / "grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert inside("grafana", home).is_file()


def test_nobody_sees_grafana_without_a_password_that_can_be_set() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:-")
    assert "GRAFANA_ADMIN_PASSWORD" in (ROOT / "docker-compose.yml").read_text().split("services:")[0]
