"""Dashboards as JSON that Grafana reads, through its own SDK (a development extra): `make docs` writes deploy/grafana."""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model

from cmo.ops.dashboards import Dashboard, Panel

_SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
_GOOD, _WORRYING, _BAD = "green", "orange", "red"
_WIDE, _NARROW = 12, 4


def written(shown: Dashboard) -> str:
    """A dashboard's file."""
    made = (
        dashboard.Dashboard(shown.title)
        .uid(f"cmo-{shown.name}")
        .description(shown.about)
        .tags(["cmo"])
        .refresh(shown.refresh)
        .time(shown.since, "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
    )
    for number, panel in enumerate(shown.panels, start=1):
        made = made.with_panel(_panel(panel, number))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _panel(shown: Panel, number: int) -> Any:
    made: Any = stat.Panel() if shown.kind == "number" else timeseries.Panel()
    made = (
        made.id(number)
        .title(shown.title)
        .description(shown.about)
        .unit(shown.unit)
        .datasource(_SOURCE)
        .span(_NARROW if shown.kind == "number" else _WIDE)
        .height(_NARROW if shown.kind == "number" else 8)
    )
    if shown.kind == "graph":
        made = made.legend(
            common.VizLegendOptions()
            .show_legend(show_legend=True)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
        )
    if shown.limits:
        made = made.thresholds(_thresholds(shown.limits, below=shown.below))
        if shown.kind == "graph":
            made = made.thresholds_style(
                common.GraphThresholdsStyleConfig().mode(shapes.GraphTresholdsStyleMode.DASHED)
            )
    for place, line in enumerate(shown.lines):
        query = (
            prometheus.Dataquery()
            .expr(line.expr)
            .ref_id(chr(ord("A") + place))
            .legend_format(line.legend or shown.title)
        )
        made = made.with_target(query)
    return made


def _thresholds(limits: tuple[float, ...], *, below: bool) -> Any:
    worse = (_WORRYING, _BAD)[-len(limits) :]
    colours = (*reversed(worse), _GOOD) if below else (_GOOD, *worse)
    steps = zip((None, *sorted(limits)), colours, strict=True)
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )
