"""Dashboards as Grafana reads them, and how they are provisioned. Every panel asks Prometheus, which Grafana
knows without a plugin: nothing has to be fetched when it starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from runtime.observability.containers import PROMETHEUS_PORT
from runtime.observability.dashboards import Dashboard, Kind, Panel, Row

SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
SCHEMA_VERSION = 39
FOLDER = "/etc/grafana/dashboards"


def dashboard_json(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["data-platform"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": dashboard.since, "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": list(_panels(dashboard.rows)),
    }


def data_sources() -> dict[str, Any]:
    """Provisioned data sources."""
    prometheus = {
        "name": "Prometheus",
        "type": SOURCE["type"],
        "uid": SOURCE["uid"],
        "access": "proxy",
        "url": f"http://prometheus:{PROMETHEUS_PORT}",
        "isDefault": True,
        "editable": False,
    }
    return {"apiVersion": 1, "datasources": [prometheus]}


def providers() -> dict[str, Any]:
    """Where Grafana finds the dashboards."""
    files = {
        "name": "data-platform",
        "type": "file",
        "folder": "Data platform",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": FOLDER},
    }
    return {"apiVersion": 1, "providers": [files]}


def _panels(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    number, y = 1, 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        number, y, x = number + 1, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + row.height
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": row.height})
            number, x = number + 1, x + panel.width
        y += row.height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    defaults: dict[str, Any] = {"unit": panel.unit}
    steps = _steps(panel)
    if steps:
        defaults |= {"thresholds": {"mode": "absolute", "steps": steps}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel.kind),
        "targets": [
            {
                "refId": chr(ord("A") + position),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for position, (expression, legend) in enumerate(panel.shows)
        ],
    }


def _options(kind: Kind) -> dict[str, Any]:
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match kind:
        case "timeseries":
            return {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
        case "stat":
            return {"reduceOptions": reduced, "textMode": "auto", "colorMode": "value"}
        case "bargauge":
            return {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "basic"}
        case "table":
            return {"showHeader": True}


def _steps(panel: Panel) -> list[dict[str, Any]]:
    """Colours by value; Grafana's own where nothing is bad."""
    if panel.bad_above is not None:
        # A step begins at its value: the least that is above.
        return [{"color": "green", "value": None}, {"color": "red", "value": panel.bad_above + 1e-9}]
    if panel.bad_below is not None:
        return [{"color": "red", "value": None}, {"color": "green", "value": panel.bad_below}]
    return []
