"""Sensors, arrays, bonds and the like: what the machine that runs the tests may lack, written as the kernel writes it."""

from pathlib import Path
from typing import Any

from exporter.clients import mdstat
from tests.collectors.node.reading import Key, collected, figures, on, write

MDSTAT = """\
Personalities : [raid1] [raid6] [raid5] [raid4] [raid0]
md0 : active raid1 sdb1[1] sda1[0]
      248896 blocks [2/2] [UU]

md1 : active raid5 sdd1[4](S) sdc1[3](F) sdb2[1] sda2[0]
      7813735424 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]
      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
      bitmap: 0/30 pages [0KB], 65536KB chunk

md2 : active raid0 sdf[1] sde[0]
      314159265 blocks 64k chunks

md3 : inactive sdg[0](S)
      1024 blocks super 1.2

md4 : active raid1 sdi[1] sdh[0]
      4096 blocks [2/2] [UU]
      \tresync=DELAYED

md5 : active raid1 sdk[1] sdj[0]
      4096 blocks [2/2] [UU]
      [==>..................]  check = 25.0% (1024/4096) finish=1.0min speed=1K/sec

unused devices: <none>
"""


async def told(procfs: Path, sysfs: Path, prefix: str | tuple[str, ...], **settings: Any) -> dict[Key, float]:
    return figures(await collected(on(procfs, sysfs, **settings)), prefix)


async def test_sensors_are_told_by_the_place_of_their_chip_in_base_units(procfs: Path, sysfs: Path) -> None:
    chip = sysfs / "devices/platform/coretemp.0"
    write(
        chip / "hwmon/hwmon3",
        {
            "name": "coretemp\n",
            "temp1_input": "55000\n",
            "temp1_label": "Package id 0\n",
            "temp1_crit": "100000\n",
            "temp1_crit_alarm": "1\n",
            "temp1_type": "4\n",
            "fan1_input": "1200\n",
            "fan1_alarm": "0\n",
            "in0_input": "1098\n",
            "power1_average": "25000000\n",
            "energy1_input": "3000000\n",
            "pwm1": "128\n",
            "beep_enable": "1\n",
            "update_interval": "1000\n",
            "temp2_input": "n/a\n",
            "uevent": "",
        },
    )
    (sysfs / "class/hwmon").mkdir(parents=True)
    (sysfs / "class/hwmon/hwmon3").symlink_to(chip / "hwmon/hwmon3")
    (chip / "hwmon/hwmon3/device").symlink_to(chip)
    name = "platform_coretemp_0"
    assert await told(procfs, sysfs, "node_hwmon_") == {
        ("node_hwmon_chip_names", (name, "coretemp")): 1.0,
        ("node_hwmon_sensor_label", (name, "temp1", "Package id 0")): 1.0,
        ("node_hwmon_temp_celsius", (name, "temp1")): 55.0,
        ("node_hwmon_temp_crit_celsius", (name, "temp1")): 100.0,
        ("node_hwmon_temp_crit_alarm_celsius", (name, "temp1")): 1.0,
        ("node_hwmon_temp_type", (name, "temp1")): 4.0,
        ("node_hwmon_fan_rpm", (name, "fan1")): 1200.0,
        ("node_hwmon_fan_alarm", (name, "fan1")): 0.0,
        ("node_hwmon_in_volts", (name, "in0")): 1.098,
        ("node_hwmon_power_average_watt", (name, "power1")): 25.0,
        ("node_hwmon_energy_joule_total", (name, "energy1")): 3.0,
        ("node_hwmon_pwm", (name, "pwm1")): 128.0,
        ("node_hwmon_beep_enabled", (name, "beep_enable0")): 1.0,
        ("node_hwmon_update_interval_seconds", (name, "update_interval0")): 1.0,
    }


def test_arrays_are_read_whole_rebuilding_waiting_checked_or_stopped() -> None:
    arrays = {array.name: array for array in mdstat.parse(MDSTAT)}
    assert {name: (array.state, array.required, array.blocks, array.synced) for name, array in arrays.items()} == {
        "md0": ("active", 2, 248896, 248896),
        "md1": ("recovering", 3, 7813735424, 16775552),
        "md2": ("active", 2, 314159265, 314159265),
        "md3": ("inactive", 0, 1024, 1024),
        "md4": ("resync", 2, 4096, 0),
        "md5": ("check", 2, 4096, 1024),
    }
    assert arrays["md1"].disks == {"active": 2, "failed": 1, "spare": 1, "down": 1}


async def test_an_array_is_told_with_every_state_of_which_one_is_1(procfs: Path, sysfs: Path) -> None:
    (procfs / "mdstat").write_text(MDSTAT)
    write(sysfs / "block/md1/md", {"degraded": "1\n", "raid_disks": "4 (3)\n"})
    arrays = await told(procfs, sysfs, "node_md_")
    assert {labels[1]: value for (name, labels), value in arrays.items() if name == "node_md_state" and labels[0] == "md1"} == {
        "active": 0.0, "inactive": 0.0, "recovering": 1.0, "resync": 0.0, "check": 0.0,
    }  # fmt: skip
    assert arrays["node_md_disks", ("md1", "failed")] == 1.0
    assert arrays["node_md_disks_required", ("md1",)] == 3.0
    assert (arrays["node_md_degraded", ("md1",)], arrays["node_md_raid_disks", ("md1",)]) == (1.0, 4.0)
    assert ("node_md_degraded", ("md2",)) not in arrays


async def test_a_bond_tells_how_many_of_its_interfaces_have_a_line(procfs: Path, sysfs: Path) -> None:
    write(
        sysfs / "class/net",
        {
            "bonding_masters": "bond0 bond1\n",
            "bond0/bonding/slaves": "eth0 eth1\n",
            "bond0/lower_eth0/bonding_slave/mii_status": "up\n",
            "bond0/lower_eth1/bonding_slave/mii_status": "down\n",
            "bond1/bonding/slaves": "\n",
        },
    )
    assert await told(procfs, sysfs, "node_bonding_") == {
        ("node_bonding_slaves", ("bond0",)): 2.0,
        ("node_bonding_active", ("bond0",)): 1.0,
        ("node_bonding_slaves", ("bond1",)): 0.0,
        ("node_bonding_active", ("bond1",)): 0.0,
    }


async def test_processors_are_online_isolated_and_throttled_once_for_each_core_and_chip(procfs: Path, sysfs: Path) -> None:
    files = {"present": "0-3\n", "online": "0-1,3\n", "isolated": "3\n"}
    for number, core in ((0, 0), (1, 0), (3, 1)):  # 0 and 1 are two threads of one core
        files |= {
            f"cpu{number}/topology/physical_package_id": "0\n",
            f"cpu{number}/topology/core_id": f"{core}\n",
            f"cpu{number}/thermal_throttle/core_throttle_count": f"{5 + core}\n",
            f"cpu{number}/thermal_throttle/package_throttle_count": "30\n",
        }
    write(sysfs / "devices/system/cpu", files)
    assert await told(procfs, sysfs, ("node_cpu_o", "node_cpu_i", "node_cpu_c", "node_cpu_p")) == {
        ("node_cpu_online", ("0",)): 1.0,
        ("node_cpu_online", ("1",)): 1.0,
        ("node_cpu_online", ("2",)): 0.0,
        ("node_cpu_online", ("3",)): 1.0,
        ("node_cpu_isolated", ("3",)): 1.0,
        ("node_cpu_core_throttles_total", ("0", "0")): 5.0,
        ("node_cpu_core_throttles_total", ("0", "1")): 6.0,
        ("node_cpu_package_throttles_total", ("0",)): 30.0,
    }


async def test_processors_tell_their_model_when_asked_to(procfs: Path, sysfs: Path) -> None:
    (procfs / "cpuinfo").write_text(
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon: 8 cores\n"
        "stepping\t: 8\nmicrocode\t: 0x1\ncache size\t: 1024 KB\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu vme\n\n"
    )
    assert await told(procfs, sysfs, "node_cpu_info") == {}
    labels = ("0", "0", "0", "GenuineIntel", "6", "143", "Xeon: 8 cores", "0x1", "8", "1024 KB")
    assert await told(procfs, sysfs, "node_cpu_info", cpu_info=True) == {("node_cpu_info", labels): 1.0}


async def test_memory_errors_are_told_by_controller_row_and_module(procfs: Path, sysfs: Path) -> None:
    write(
        sysfs / "devices/system/edac/mc/mc0",
        {
            "ce_count": "1\n",
            "ue_count": "5\n",
            "ce_noinfo_count": "2\n",
            "ue_noinfo_count": "6\n",
            "csrow0/ce_count": "3\n",
            "csrow0/ue_count": "4\n",
            "csrow0/ch0_ce_count": "7\n",
            "csrow0/ch0_dimm_label": "CPU#1_csrow0\n",
        },
    )
    assert await told(procfs, sysfs, "node_edac_") == {
        ("node_edac_correctable_errors_total", ("0",)): 1.0,
        ("node_edac_uncorrectable_errors_total", ("0",)): 5.0,
        ("node_edac_csrow_correctable_errors_total", ("0", "unknown")): 2.0,
        ("node_edac_csrow_uncorrectable_errors_total", ("0", "unknown")): 6.0,
        ("node_edac_csrow_correctable_errors_total", ("0", "0")): 3.0,
        ("node_edac_csrow_uncorrectable_errors_total", ("0", "0")): 4.0,
        ("node_edac_channel_correctable_errors_total", ("0", "0", "0", "CPU1__csrow0")): 7.0,
    }


async def test_nvme_disks_and_their_namespaces(procfs: Path, sysfs: Path) -> None:
    write(
        sysfs / "class/nvme/nvme0",
        {
            "model": "Samsung SSD 970 PRO 512GB               \n",
            "firmware_rev": "1B2QEXP7\n",
            "serial": "S680HF8N190894I     \n",
            "state": "live\n",
            "cntlid": "1\n",
            "nvme0c0n1/size": "8\n",  # a path to the namespace, not the namespace
            "nvme0n1/size": "16\n",
            "nvme0n1/nuse": "1\n",
            "nvme0n1/queue/logical_block_size": "4096\n",
        },
    )
    (sysfs / "class/nvme/nvme0/nvme0c0n1").rename(sysfs / "class/nvme/nvme0/hwmon1")
    disk = ("nvme0", "1B2QEXP7", "Samsung SSD 970 PRO 512GB", "S680HF8N190894I", "live", "1")
    assert await told(procfs, sysfs, "node_nvme_") == {
        ("node_nvme_info", disk): 1.0,
        ("node_nvme_namespace_info", ("nvme0", "1", "unknown")): 1.0,
        ("node_nvme_namespace_capacity_bytes", ("nvme0", "1")): 8192.0,
        ("node_nvme_namespace_size_bytes", ("nvme0", "1")): 8192.0,
        ("node_nvme_namespace_used_bytes", ("nvme0", "1")): 4096.0,
        ("node_nvme_namespace_logical_block_size_bytes", ("nvme0", "1")): 4096.0,
    }


async def test_zones_batteries_watchdogs_energy_frequencies_and_selinux(procfs: Path, sysfs: Path, tmp_path: Path) -> None:
    write(
        sysfs,
        {
            "class/thermal/thermal_zone0/temp": "12376\n",
            "class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "class/thermal/cooling_device0/cur_state": "0\n",
            "class/thermal/cooling_device0/max_state": "3\n",
            "class/thermal/cooling_device0/type": "Processor\n",
            "class/power_supply/BAT0/voltage_now": "12229000\n",
            "class/power_supply/BAT0/temp": "305\n",
            "class/power_supply/BAT0/status": "Discharging\n",
            "class/watchdog/watchdog0/timeout": "60\n",
            "class/watchdog/watchdog0/identity": "Software Watchdog\n",
            "class/powercap/intel-rapl:0/name": "package-0\n",
            "class/powercap/intel-rapl:0/energy_uj": "240422366267\n",
            "class/powercap/intel-rapl:0:0/name": "core\n",
            "class/powercap/intel-rapl:0:0/energy_uj": "118821284256\n",
            "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1699981\n",
            "devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "devices/system/cpu/cpu0/cpufreq/scaling_available_governors": "performance powersave\n",
            "fs/selinux/enforce": "1",
        },
    )
    write(tmp_path / "root", {"etc/selinux/config": "# how\nSELINUX=permissive\n"})
    prefixes = ("thermal", "cooling", "power", "watchdog", "rapl", "cpu_scaling", "selinux")
    samples = await told(procfs, sysfs, tuple(f"node_{prefix}" for prefix in prefixes), rootfs=tmp_path / "root")
    powercap = f"{sysfs}/class/powercap/intel-rapl:0"
    assert samples == {
        ("node_thermal_zone_temp", ("0", "cpu-thermal")): 12.376,
        ("node_cooling_device_cur_state", ("0", "Processor")): 0.0,
        ("node_cooling_device_max_state", ("0", "Processor")): 3.0,
        ("node_power_supply_voltage_volt", ("BAT0",)): 12.229,
        ("node_power_supply_temp_celsius", ("BAT0",)): 30.5,
        ("node_power_supply_info", ("BAT0", "", "", "", "", "", "", "Discharging", "", "", "", "")): 1.0,
        ("node_watchdog_timeout_seconds", ("watchdog0",)): 60.0,
        ("node_watchdog_info", ("watchdog0", "", "Software Watchdog", "", "", "")): 1.0,
        ("node_rapl_package_joules_total", ("0", powercap)): 240422.366267,
        ("node_rapl_core_joules_total", ("0", f"{powercap}:0")): 118821.284256,
        ("node_cpu_scaling_frequency_hertz", ("0",)): 1699981000.0,
        ("node_cpu_scaling_governor", ("0", "performance")): 0.0,
        ("node_cpu_scaling_governor", ("0", "powersave")): 1.0,
        ("node_selinux_current_mode", ()): 1.0,
        ("node_selinux_config_mode", ()): 0.0,
    }


async def test_disks_are_named_as_udev_knows_them(procfs: Path, sysfs: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "udev",
        {
            "b8:0": "S:disk/by-id/x\nE:ID_MODEL=SAMSUNG\nE:ID_SERIAL=SAMSUNG_S1\nE:ID_SERIAL_SHORT=S1\nE:ID_PATH=pci-0\n"
            "E:ID_FS_TYPE=ext4\nE:ID_FS_USAGE=filesystem\nE:ID_FS_UUID=u-1\nE:ID_FS_VERSION=1.0\n"
            "E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:DM_NAME=vg0-root\nE:DM_UUID=LVM-1\nE:DM_VG_NAME=vg0\nE:DM_LV_NAME=root\n"
        },
    )
    write(sysfs / "block/sda", {"queue/rotational": "1\n", "slaves/sdz/x": ""})
    samples = await told(
        procfs, sysfs, ("node_disk_info", "node_disk_f", "node_disk_de", "node_disk_ata"), udev=tmp_path / "udev"
    )
    assert {key for key in samples if key[1][0] == "sda" and "flush" not in key[0]} == {
        ("node_disk_info", ("sda", "8", "0", "pci-0", "", "SAMSUNG", "S1", "", "1")),
        ("node_disk_filesystem_info", ("sda", "ext4", "filesystem", "u-1", "1.0")),
        ("node_disk_device_mapper_info", ("sda", "vg0-root", "LVM-1", "vg0", "root", "")),
        ("node_disk_device_mapper_backing_device_info", ("sda", "sdz")),
        ("node_disk_ata_write_cache", ("sda",)),
    }


async def test_the_firmware_tells_the_model_once(procfs: Path, sysfs: Path) -> None:
    write(sysfs / "class/dmi/id", {"sys_vendor": "Dell Inc.\n", "product_name": "PowerEdge R6515\n"})
    node = on(procfs, sysfs)
    ((_, first),) = figures(await collected(node), "node_dmi_info")
    assert (first[-1], first[14]) == ("Dell Inc.", "PowerEdge R6515")
    (sysfs / "class/dmi/id/product_name").write_text("changed\n")
    assert list(figures(await collected(node), "node_dmi_info")) == [("node_dmi_info", first)]


async def test_the_distribution_is_read_again_when_it_changes(procfs: Path, sysfs: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "root",
        {"usr/lib/os-release": 'NAME="Ubuntu"\nID=ubuntu\n# no\nVERSION_ID="24.04"\nSUPPORT_END=2029-05-31\n'},
    )
    node = on(procfs, sysfs, rootfs=tmp_path / "root")
    samples = figures(await collected(node), "node_os_")
    assert samples["node_os_version", ("ubuntu", "", "Ubuntu")] == 24.04
    assert samples["node_os_support_end_timestamp_seconds", ()] == 1874880000.0
    write(tmp_path / "root", {"etc/os-release": "ID=arch\nNAME='Arch Linux'\n"})
    after = figures(await collected(node), "node_os_")
    assert list(after) == [("node_os_info", ("arch", "", "Arch Linux", *[""] * 9))]
