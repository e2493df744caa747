"""
The compose file and what it mounts fit together, and fit the Collector's configuration.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from otgraph_dashboards import DASHBOARDS

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "dashboards"
COLLECTOR = (REPOSITORY / "collector-config.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def mounts(service: str) -> dict[str, str]:
    """Return where a service finds what, by its path in the container."""
    return {
        target: source
        for source, target, *_ in (entry.split(":") for entry in SERVICES[service].get("volumes", ()))
    }


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def test_the_services_are_these() -> None:
    """Collector, Jaeger, Tempo, Prometheus and Grafana, each an image with its version."""
    assert {"collector", "jaeger", "tempo", "prometheus", "grafana"} == set(SERVICES)
    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]) for service in SERVICES.values())


def test_the_images_are_what_tests_run() -> None:
    """Collector, Jaeger and Prometheus have the versions that the end-to-end tests are run on."""
    builds = REPOSITORY / "tests" / "backends"
    built = re.search(
        r"Jaeger (\d+\.\d+\.\d+):.*Prometheus (\d+\.\d+\.\d+)\.", (builds / "build.py").read_text(), re.DOTALL
    )
    assert built
    versions = {name: service["image"].rpartition(":")[2] for name, service in SERVICES.items()}
    parts = yaml.safe_load((builds / "otelcol.yaml").read_text())
    assert (built[1], f"v{built[2]}") == (versions["jaeger"], versions["prometheus"])
    assert parts["dist"]["version"] == versions["collector"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service: str) -> None:
    """A mount is a file or folder of the repository, only to be read, or a volume that is declared."""
    for target, source in mounts(service).items():
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
            assert any(entry.endswith(f":{target}:ro") for entry in SERVICES[service]["volumes"])
        else:
            assert source in COMPOSE["volumes"]


def test_ports_are_offered_to_this_machine_alone() -> None:
    """Nothing without a password is reachable from elsewhere, and no port is taken twice."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(ports) == len({port.split(":")[1] for port in ports})


def test_services_that_are_waited_for_exist() -> None:
    """`depends_on` names services."""
    assert {other for service in SERVICES.values() for other in service.get("depends_on", ())} <= set(
        SERVICES
    )


def test_the_collector_is_told_what_its_configuration_asks() -> None:
    """Each variable that the compose file sets is one that collector-config.yaml reads, and hosts are services."""
    told = SERVICES["collector"]["environment"]
    asked = set(re.findall(r"\$\{env:(\w+)", COLLECTOR))
    assert set(told) <= asked
    assert {told[key].split(":")[0] for key in told if key.endswith("_ENDPOINT")} <= set(SERVICES)
    assert "/etc/otelcol-contrib/config.yaml" in mounts("collector")


def default(variable: str) -> str:
    """Return what collector-config.yaml takes where a variable is not set."""
    found = re.search(rf"\$\{{env:{variable}:-([^}}]*)\}}", COLLECTOR)
    assert found, variable
    return found[1]


def test_ports_of_the_collector_agree() -> None:
    """OTLP is offered where the Collector listens, Prometheus asks where it answers, and Jaeger and Tempo take OTLP."""
    offered = {port.split(":")[2] for port in SERVICES["collector"]["ports"]}
    assert {default("COLLECTOR_GRPC_PORT"), default("COLLECTOR_HTTP_PORT")} == offered
    targets = {
        target
        for job in read("prometheus.yaml")["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert {f"collector:{default(f'COLLECTOR_{kind}_PORT')}" for kind in ("PROMETHEUS", "METRICS")} == targets
    taken = read("tempo.yaml")["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert SERVICES["collector"]["environment"]["TEMPO_ENDPOINT"].split(":")[1] == taken.split(":")[1]


def test_prometheus_keeps_the_names_of_applications() -> None:
    """`job` is the service's name, not that of the Collector; rules are read where they are mounted."""
    config = read("prometheus.yaml")
    assert config["scrape_configs"][0]["honor_labels"] is True
    found = mounts("prometheus")
    (at,) = [path for path in found if path.endswith(".yaml")]
    assert f"--config.file={at}" in SERVICES["prometheus"]["command"]
    (pattern,) = config["rule_files"]
    rules = str(Path(at).parent / Path(pattern).parent)
    assert {"otgraph-alerts.yaml", "otgraph-recordings.yaml"} == {
        path.name for path in (FOLDER / found[rules]).glob(Path(pattern).name)
    }


def test_grafana_finds_its_dashboards() -> None:
    """The provider looks where the JSON is mounted, and the first page is one of them."""
    (provider,) = read("provisioning/dashboards/otgraph.yaml")["providers"]
    found = mounts("grafana")
    folder = FOLDER / found[provider["options"]["path"]]
    assert {board.uid for board in DASHBOARDS} == {
        json.loads(p.read_text())["uid"] for p in folder.glob("*.json")
    }
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert provider["options"]["path"] == str(home.parent)
    assert (folder / home.name).exists()
    assert (FOLDER / found["/etc/grafana/provisioning"]) == (FOLDER / "provisioning")


def test_grafana_finds_its_sources() -> None:
    """Each data source is a service at a port it listens on, and exemplars lead to one of them."""
    sources = {
        source["uid"]: source for source in read("provisioning/datasources/otgraph.yaml")["datasources"]
    }
    listens = {
        "prometheus": "9090",
        "tempo": str(read("tempo.yaml")["server"]["http_listen_port"]),
        "jaeger": "16686",
    }
    assert {uid: f"http://{uid}:{port}" for uid, port in listens.items()} == {
        uid: source["url"] for uid, source in sources.items()
    }
    assert set(sources) <= set(SERVICES)
    (exemplars,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars["datasourceUid"] in sources
    assert [source["uid"] for source in sources.values() if source.get("isDefault")] == ["prometheus"]


def test_the_dashboards_lead_to_this_jaeger() -> None:
    """Jaeger's address in the dashboards is where the compose file offers it."""
    (port,) = [entry.split(":")[1] for entry in SERVICES["jaeger"]["ports"]]
    (address,) = {v.text for board in DASHBOARDS for v in board.variables if v.name == "jaeger"}
    assert f"http://localhost:{port}" == address
