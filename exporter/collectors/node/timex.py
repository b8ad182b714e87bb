"""How well the host's clock is kept: adjtimex(2)."""

from collections.abc import Iterator

from exporter.clients.adjtimex import STA_NANO, TIME_ERROR, adjtimex
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

SYNC_STATUS = Metric("node_timex_sync_status", "1 when a server keeps the clock right, 0 when none does.")
OFFSET = Metric("node_timex_offset_seconds", "How far the clock is from that of its server, as was last measured.")
FREQUENCY = Metric("node_timex_frequency_adjustment_ratio", "How much faster the clock is made to run: 1 is not at all.")
MAX_ERROR = Metric("node_timex_maxerror_seconds", "Most that the clock can be wrong; it grows while no server is heard.")
ESTIMATED_ERROR = Metric("node_timex_estimated_error_seconds", "How wrong the clock is, as its server's program estimates.")
STATUS = Metric("node_timex_status", "The clock's status bits, as a number; 64 is not synchronized.")
TIME_CONSTANT = Metric("node_timex_loop_time_constant", "How slowly the clock follows its server, as a power of 2.")
TICK = Metric("node_timex_tick_seconds", "Time between the clock's ticks.")
TAI_OFFSET = Metric("node_timex_tai_offset_seconds", "How far atomic time (TAI) is ahead of UTC; 0 when not known.")
PPS_FREQUENCY = Metric("node_timex_pps_frequency_hertz", "Frequency offset that a pulse-per-second source shows.")
PPS_JITTER = Metric("node_timex_pps_jitter_seconds", "How unsteady the pulses of a pulse-per-second source are.")
PPS_SHIFT = Metric("node_timex_pps_shift_seconds", "Interval in which a pulse-per-second source is measured.")
PPS_STABILITY = Metric("node_timex_pps_stability_hertz", "How much the frequency of a pulse-per-second source wanders.")
PPS_JITTER_TOTAL = Metric("node_timex_pps_jitter_total", "Times the pulses were too unsteady.", "counter")
PPS_CALIBRATION = Metric("node_timex_pps_calibration_total", "Times the pulses were measured.", "counter")
PPS_ERROR = Metric("node_timex_pps_error_total", "Times measuring the pulses failed.", "counter")
PPS_STABILITY_EXCEEDED = Metric("node_timex_pps_stability_exceeded_total", "Times the frequency wandered too far.", "counter")

_MICRO, _NANO = 1e6, 1e9
_PARTS = 1e6 * 65536  # frequencies are in millionths, with 16 bits after the point


def samples(host: Host) -> Iterator[Sample]:
    try:
        state, timex = adjtimex()
    except PermissionError:  # as in a container that may not touch the clock
        return
    fraction = _NANO if timex.status & STA_NANO else _MICRO
    yield SYNC_STATUS(float(state != TIME_ERROR))
    yield OFFSET(timex.offset / fraction)
    yield FREQUENCY(1 + timex.freq / _PARTS)
    yield MAX_ERROR(timex.maxerror / _MICRO)
    yield ESTIMATED_ERROR(timex.esterror / _MICRO)
    yield STATUS(float(timex.status))
    yield TIME_CONSTANT(float(timex.constant))
    yield TICK(timex.tick / _MICRO)
    yield TAI_OFFSET(float(timex.tai))
    yield PPS_FREQUENCY(timex.ppsfreq / _PARTS)
    yield PPS_JITTER(timex.jitter / fraction)
    yield PPS_SHIFT(float(timex.shift))
    yield PPS_STABILITY(timex.stabil / _PARTS)
    yield PPS_JITTER_TOTAL(float(timex.jitcnt))
    yield PPS_CALIBRATION(float(timex.calcnt))
    yield PPS_ERROR(float(timex.errcnt))
    yield PPS_STABILITY_EXCEEDED(float(timex.stbcnt))
