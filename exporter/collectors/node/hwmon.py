"""Sensors of temperature, fans, voltage, current, power and the like: /sys/class/hwmon.

Source of the files and their units: https://docs.kernel.org/hwmon/sysfs-interface.html
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_LABELS = ("chip", "sensor")

CHIP_NAMES = Metric("node_hwmon_chip_names", "Always 1: the name that a chip's driver gives it.", labels=("chip", "chip_name"))
SENSOR_LABEL = Metric("node_hwmon_sensor_label", "Always 1: what a sensor measures.", labels=("chip", "sensor", "label"))

_STATES = {
    "alarm": "1 when the sensor raises an alarm",
    "fault": "1 when the sensor is broken",
    "beep": "1 when the host beeps at an alarm",
}
_LEVELS = "input max max_alarm max_hyst min min_alarm min_hyst crit crit_alarm crit_hyst alarm beep "
_EXTREMES = "lcrit lcrit_alarm average lowest highest rated_min rated_max "
# By kind of sensor: what it measures, and what else its files are called. One without a word has the figure itself.
_ELEMENTS = {
    "in": ("voltage", _LEVELS + _EXTREMES + "fault"),
    "cpu": ("voltage", "vid"),
    "curr": ("current", _LEVELS + _EXTREMES + "fault"),
    "temp": (
        "temperature",
        _LEVELS + _EXTREMES + "emergency emergency_alarm emergency_hyst lcrit_hyst offset type fault",
    ),
    "power": (
        "power",
        _LEVELS + _EXTREMES + "average_highest average_lowest average_interval average_interval_max average_interval_min "
        "average_max average_min input_highest input_lowest accuracy cap cap_hyst cap_max cap_min cap_alarm",
    ),
    "energy": ("energy", "input"),
    "humidity": ("humidity", _LEVELS + "fault"),
    "fan": ("speed of a fan", "input min min_alarm max max_alarm target div pulses output alarm fault beep"),
    "pwm": ("drive of a fan", " enable mode freq auto_channels_temp auto_point1_pwm auto_point1_temp"),
    "intrusion": ("whether the case was opened", "alarm beep"),
    "freq": ("frequency", "input"),
}
_MILLI, _MICRO = 1000.0, 1e6
# What node_exporter's names end in, and what the files' numbers are divided by: of a kind, and of its exceptions.
_UNITS: dict[tuple[str, str | None], tuple[str, float]] = {
    ("in", None): ("_volts", _MILLI),
    ("cpu", None): ("_volts", _MILLI),
    ("curr", None): ("_amps", _MILLI),
    ("temp", None): ("_celsius", _MILLI),
    ("temp", "type"): ("", 1.0),
    ("energy", None): ("_joule_total", _MICRO),
    ("power", None): ("_watt", _MICRO),
    ("power", "accuracy"): ("", _MICRO),
    **{("power", f"average_interval{end}"): ("_seconds", _MILLI) for end in ("", "_max", "_min")},
    ("humidity", None): ("", _MICRO),
    **{("fan", element): ("_rpm", 1.0) for element in ("input", "min", "max", "target")},
    ("freq", None): ("_freq_mhz", _MICRO),
}


def _unit(kind: str, element: str) -> tuple[str, float]:
    if element in _STATES:
        return ("_enabled" if element == "beep" else ""), 1.0
    suffix, divisor = _UNITS.get((kind, element)) or _UNITS.get((kind, None), ("", 1.0))
    return suffix, 1.0 if element.endswith("_alarm") else divisor  # a limit's alarm is 1, whatever its name ends in


def _metric(kind: str, element: str, what: str) -> tuple[Metric, float]:
    """The metric of one file, and what its numbers are divided by."""
    suffix, divisor = _unit(kind, element)
    word = "" if element == "input" else element
    help_ = f"{_STATES[element]}: {what}." if element in _STATES else f"Sensor: {what}{word and ', '}{word.replace('_', ' ')}."
    name = f"node_hwmon_{kind}{word and '_'}{word}{suffix}"
    return Metric(name, help_, "counter" if suffix.endswith("_total") else "gauge", _LABELS), divisor


_SENSORS = {
    (kind, element): _metric(kind, element, what)
    for kind, (what, elements) in _ELEMENTS.items()
    for element in dict.fromkeys(elements.split(" "))
}
SENSORS = {file: metric for file, (metric, _) in _SENSORS.items()}
WHOLE = {
    "beep_enable": Metric("node_hwmon_beep_enabled", "1 when the host may beep at an alarm.", labels=_LABELS),
    "vrm": Metric("node_hwmon_voltage_regulator_version", "Version of the voltage regulator's specification.", labels=_LABELS),
    "update_interval": Metric("node_hwmon_update_interval_seconds", "How often the chip measures.", labels=_LABELS),
}

_FOLDER = "class/hwmon"
_FILE = re.compile(r"([a-z]+)(\d+)(?:_(\w+))?")
_NO_NAME = re.compile(r"[^a-z0-9:_]")


def samples(host: Host) -> Iterator[Sample]:
    for name in host.sys.names(_FOLDER):
        folder = f"{_FOLDER}/{name}"
        driver = _cleaned(host.sys.line(f"{folder}/name"))
        chip = _place(host.sys.path / folder / "device") or driver or _cleaned(name)
        yield CHIP_NAMES(1.0, chip=chip, chip_name=driver or chip)
        own = host.sys.names(folder)
        for file in own:
            yield from _of_file(host, folder, file, chip)
        for file in host.sys.names(f"{folder}/device"):  # where old drivers put theirs
            if file not in own:
                yield from _of_file(host, f"{folder}/device", file, chip)


def _of_file(host: Host, folder: str, file: str, chip: str) -> Iterator[Sample]:
    if file in WHOLE:
        value = host.sys.number(f"{folder}/{file}")
        if value is not None:
            yield WHOLE[file](value / _MILLI if file == "update_interval" else value, chip=chip, sensor=f"{file}0")
        return
    match = _FILE.fullmatch(file)
    if match is None or match[1] not in _ELEMENTS:
        return
    kind, sensor, element = match[1], match[1] + match[2], match[3] or ""
    if element == "label":
        yield SENSOR_LABEL(1.0, chip=chip, sensor=sensor, label=host.sys.line(f"{folder}/{file}"))
    elif (kind, element) in _SENSORS:
        metric, divisor = _SENSORS[kind, element]
        value = _value(host.sys.line(f"{folder}/{file}"))
        if value is not None:
            if kind == "freq":
                sensor = _cleaned(host.sys.line(f"{folder}/{sensor}_label")) or sensor
            yield metric(value / divisor, chip=chip, sensor=sensor)


def _value(text: str) -> float | None:
    """Drivers write what they like into some files: what is no number is left out."""
    try:
        return float(text)
    except ValueError:
        return None


def _place(device: Path) -> str:
    """The place of a chip among the devices: it stays from start to start, unlike the numbers in hwmon0, hwmon1."""
    try:
        place = device.resolve(strict=True)
    except OSError:
        return ""
    return "_".join(filter(None, (_cleaned(place.parent.name), _cleaned(place.name))))


def _cleaned(text: str) -> str:
    return _NO_NAME.sub("_", text.lower()).strip("_")
