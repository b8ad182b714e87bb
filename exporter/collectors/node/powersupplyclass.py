"""Batteries and mains: /sys/class/power_supply.

Source: https://docs.kernel.org/power/power_supply_class.html
"""

from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_LABEL = ("power_supply",)


def _figures(divisor: float, names: dict[str, tuple[str, str]]) -> dict[str, tuple[Metric, float]]:
    return {file: (Metric(f"node_power_supply_{name}", help_, labels=_LABEL), divisor) for file, (name, help_) in names.items()}


_FIGURES = {
    **_figures(
        1,
        {
            "authentic": ("authentic", "1 when the supply is known to be genuine."),
            "calibrate": ("calibrate", "1 while the supply measures its own capacity."),
            "capacity": ("capacity", "Charge left, in percent."),
            "capacity_alert_max": ("capacity_alert_max", "Charge above which the supply gives warning, in percent."),
            "capacity_alert_min": ("capacity_alert_min", "Charge below which the supply gives warning, in percent."),
            "cycle_count": ("cyclecount", "Times the battery was charged and discharged."),
            "online": ("online", "1 when the supply gives power."),
            "present": ("present", "1 when the supply is there."),
            "time_to_empty_now": ("time_to_empty_seconds", "Time until the battery is empty."),
            "time_to_full_now": ("time_to_full_seconds", "Time until the battery is full."),
        },
    ),
    **_figures(
        1_000_000,
        {
            "current_boot": ("current_boot", "Current when the host was started, in amperes."),
            "current_max": ("current_max", "Largest current, in amperes."),
            "current_now": ("current_ampere", "Current, in amperes."),
            "energy_empty": ("energy_empty", "Energy in the battery when it counts as empty, in watt hours."),
            "energy_empty_design": ("energy_empty_design", "Energy in a new battery when it counts as empty, in watt hours."),
            "energy_full": ("energy_full", "Energy in the battery when it is full, in watt hours."),
            "energy_full_design": ("energy_full_design", "Energy in a new battery when it is full, in watt hours."),
            "energy_now": ("energy_watthour", "Energy in the battery, in watt hours."),
            "voltage_boot": ("voltage_boot", "Voltage when the host was started, in volts."),
            "voltage_max": ("voltage_max", "Highest voltage, in volts."),
            "voltage_max_design": ("voltage_max_design", "Highest voltage of a new battery, in volts."),
            "voltage_min": ("voltage_min", "Lowest voltage, in volts."),
            "voltage_min_design": ("voltage_min_design", "Lowest voltage of a new battery, in volts."),
            "voltage_now": ("voltage_volt", "Voltage, in volts."),
            "voltage_ocv": ("voltage_ocv", "Voltage without load, in volts."),
            "charge_control_limit": ("charge_control_limit", "How far charging is held back."),
            "charge_control_limit_max": ("charge_control_limit_max", "How far charging can be held back."),
            "charge_counter": ("charge_counter", "Charge that went into the battery, less what came out, in ampere hours."),
            "charge_empty": ("charge_empty", "Charge of the battery when it counts as empty, in ampere hours."),
            "charge_empty_design": ("charge_empty_design", "Charge of a new battery when it counts as empty, in ampere hours."),
            "charge_full": ("charge_full", "Charge of the battery when it is full, in ampere hours."),
            "charge_full_design": ("charge_full_design", "Charge of a new battery when it is full, in ampere hours."),
            "charge_now": ("charge_ampere", "Charge of the battery, in ampere hours."),
            "charge_term_current": ("charge_term_current", "Current below which charging ends, in amperes."),
            "constant_charge_current": ("constant_charge_current", "Current while charging, in amperes."),
            "constant_charge_current_max": ("constant_charge_current_max", "Largest current while charging, in amperes."),
            "constant_charge_voltage": ("constant_charge_voltage", "Voltage while charging, in volts."),
            "constant_charge_voltage_max": ("constant_charge_voltage_max", "Highest voltage while charging, in volts."),
            "precharge_current": ("precharge_current", "Current while charging begins, in amperes."),
            "input_current_limit": ("input_current_limit", "Most current taken from a charger, in amperes."),
            "power_now": ("power_watt", "Power, in watts."),
        },
    ),
    **_figures(
        10,
        {
            "temp": ("temp_celsius", "Temperature."),
            "temp_alert_max": ("temp_alert_max_celsius", "Temperature above which the supply gives warning."),
            "temp_alert_min": ("temp_alert_min_celsius", "Temperature below which the supply gives warning."),
            "temp_ambient": ("temp_ambient_celsius", "Temperature around the supply."),
            "temp_ambient_alert_max": ("temp_ambient_max_celsius", "Temperature around it above which it gives warning."),
            "temp_ambient_alert_min": ("temp_ambient_min_celsius", "Temperature around it below which it gives warning."),
            "temp_max": ("temp_max_celsius", "Highest temperature that it may have."),
            "temp_min": ("temp_min_celsius", "Lowest temperature that it may have."),
        },
    ),
}
POWER_SUPPLY = {file: metric for file, (metric, _) in _FIGURES.items()}
INFO = Metric(
    "node_power_supply_info",
    "Always 1: which battery or supply it is, and its state.",
    labels=(
        "power_supply", "capacity_level", "charge_type", "health", "manufacturer", "model_name", "serial_number", "status",
        "technology", "type", "usb_type", "scope",
    ),
)  # fmt: skip

_FOLDER = "class/power_supply"


def samples(host: Host) -> Iterator[Sample]:
    for supply in host.sys.names(_FOLDER):
        folder = f"{_FOLDER}/{supply}"
        files = host.sys.names(folder)
        for file in files:
            if file in _FIGURES:
                metric, divisor = _FIGURES[file]
                value = host.sys.number(f"{folder}/{file}")
                if value is not None:
                    yield metric(value / divisor, power_supply=supply)
        labels = {label: host.sys.line(f"{folder}/{label}") if label in files else "" for label in INFO.labels[1:]}
        yield INFO(1.0, power_supply=supply, **labels)
