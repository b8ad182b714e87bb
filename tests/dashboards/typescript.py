"""Dashboards as TypeScript, held against the types that Grafana publishes as `@grafana/schema`, the oldest and the newest.

Grafana's types leave a panel's options open; here they are those of its type of panel, and an option that these do not have is
an error, as is a value that it cannot take.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.tools import npm

VERSIONS = ("11.6.16", "13.2.3")
COMPILER = "5.9.3"
_FOLDERS = {
    "stat": "Stat",
    "timeseries": "TimeSeries",
    "bargauge": "BarGauge",
    "gauge": "Gauge",
    "heatmap": "Heatmap",
    "state-timeline": "StateTimeline",
    "table": "Table",
    "text": "Text",
}
_WITHOUT_CUSTOM = {"stat", "bargauge", "gauge", "text"}

_OPTIONS = {"noEmit": True, "strict": True, "skipLibCheck": True, "types": [], "module": "esnext", "moduleResolution": "node10"}

# Options of the JSON may be left out, and are the values of enumerations, not their names.
_TYPES = """\
import type { AnnotationQuery, Dashboard as AnyDashboard, Panel as AnyPanel, FieldConfig, FieldConfigSource,
  VariableModel } from '@grafana/schema';
type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[]
  : T extends object ? { [K in keyof T]?: Plain<T[K]> } : T;
type Defaults<C> = Omit<Plain<FieldConfig>, 'custom'> & { custom?: Plain<C> };
type Properties<C> = Plain<FieldConfig> & { [K in keyof C & string as `custom.${K}`]?: Plain<C[K]> };
type PanelOf<O, C> = Omit<Plain<AnyPanel>, 'options' | 'fieldConfig' | 'targets'>
  & { options?: Plain<O>, fieldConfig?: Omit<Plain<FieldConfigSource>, 'defaults'> & { defaults: Defaults<C> } };
type Page = Omit<Plain<AnyDashboard>, 'panels' | 'id' | 'annotations' | 'templating'> & { id: null };
type Variable = Plain<VariableModel> & { definition?: string };
type Annotation = Plain<AnnotationQuery> & { expr?: string, step?: string, tagKeys?: string, textFormat?: string,
  titleFormat?: string, useValueForTime?: 'on' };
interface Row { type: string, title: string, id: number, collapsed: boolean,
  gridPos: { x: number, y: number, w: number, h: number } }
interface Target { datasource: { type: string, uid: string }, editorMode: 'code' | 'builder', exemplar: boolean, expr: string,
  format: 'time_series' | 'table' | 'heatmap', instant: boolean, legendFormat: string, range: boolean, refId: string }
"""


def program(dashboards: dict[str, Any]) -> tuple[str, list[str]]:
    """The dashboards as a program, and what each of its lines is."""
    lines, places = [_TYPES], [""] * _TYPES.count("\n")
    for name in _FOLDERS.values():
        path = f"@grafana/schema/dist/esm/raw/composable/{name.lower()}/panelcfg/x/{name}PanelCfg_types.gen"
        lines.append(f"import type * as {name} from '{path}';\n")
        places.append("")
    for uid, dashboard in dashboards.items():
        for place, type_, value in _parts(uid, dashboard):
            lines.append(f"export const v{len(places)}: {type_} = {json.dumps(value)};\n")
            places.append(place)
    return "".join(lines), places


def _parts(uid: str, dashboard: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """What can be held against a type of its own: where it stands, the type, and the value."""
    yield uid, "Page", {key: value for key, value in dashboard.items() if key not in {"panels", "annotations", "templating"}}
    for annotation in dashboard["annotations"]["list"]:
        yield f"{uid}: annotation {annotation['name']}", "Annotation", annotation
    for variable in dashboard["templating"]["list"]:
        yield f"{uid}: variable {variable['name']}", "Variable", variable
    for panel in (each for entry in dashboard["panels"] for each in [entry, *entry.get("panels", ())]):
        place, kind = f"{uid}: {panel['title']}", panel["type"]
        if kind == "row":
            yield place, "Row", {key: value for key, value in panel.items() if key != "panels"}
            continue
        name = _FOLDERS[kind]
        custom = "{}" if kind in _WITHOUT_CUSTOM else f"{name}.FieldConfig"
        yield place, f"PanelOf<{name}.Options, {custom}>", {key: value for key, value in panel.items() if key != "targets"}
        for target in panel.get("targets", []):
            yield f"{place}: query {target.get('refId')}", "Target", target
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            # One object for all: a property that the type lacks is an error.
            properties = {item["id"]: item["value"] for item in override["properties"]}
            yield f"{place}: {override['matcher']['options']}", f"Properties<{custom}>", properties


def refused(dashboards: dict[str, Any], version: str, folder: Path) -> list[str]:
    """What the types of a version of Grafana have against dashboards: where, and the compiler's words."""
    text, places = program(dashboards)
    installed = npm(f"@grafana/schema@{version}", f"typescript@{COMPILER}")
    (folder / "node_modules").symlink_to(installed)
    (folder / "dashboards.ts").write_text(text)
    compiler = installed / "typescript" / "bin" / "tsc"
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": _OPTIONS, "files": ["dashboards.ts"]}))
    command = ["node", str(compiler), "--pretty", "false"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.findall(r"^dashboards\.ts\((\d+),\d+\): error (.+(?:\n +.+)*)", done.stdout, re.MULTILINE)
    assert found or done.returncode == 0, done.stdout + done.stderr
    return [f"{places[int(line) - 1]}: {said}" for line, said in found]
