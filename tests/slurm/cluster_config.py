"""What the virtual cluster is made of: its hosts, users, partitions and Slurm's configuration, as text."""
import dataclasses
import typing

NETWORK = "10.77.0"
DEAD_NETWORK = "192.0.2"
LOGIN = "login01"
MODULE_FILES = "/scratch/modulefiles"


@dataclasses.dataclass(frozen=True)
class User:
    name: str
    uid: int
    shell: str


USERS = (
    User("alice", 52001, "/bin/bash"),
    User("tina", 52002, "/bin/tcsh"),
    User("zoe", 52003, "/usr/bin/zsh"),
    User("finn", 52004, "/usr/bin/fish"),
)


@dataclasses.dataclass(frozen=True)
class Node:
    """A node, and in which ways it is not as one would like."""
    name: str
    gpus: int = 0
    gres_type: str = "a100"  # empty: GPUs without a type
    features: str | None = None  # with commas between; None: a100 or x86
    home: bool = True  # whether /home is mounted
    tmp_noexec: bool = False
    # What hostname(1) says there; empty: the name. Another one is not NodeAddr's name, and with a dead network it has that address.
    hostname: str = ""
    # "up" or "down": eth0 is in that state and has an address that no other host can reach; what works is ib0. The node's own host
    # name has the dead address for all hosts. Where that is its name in Slurm too, NAMEi has the other, as at JSC.
    dead_network: str = ""
    # What slurmd says to the controller as Arch=, and uname(1) to whoever asks. The system call cannot lie to other programs: Linux
    # knows x86_64 and, under setarch, i686 only. Programs for x86_64 run there nevertheless.
    arch: str = ""
    local_megabytes: int = 64  # of /local, which this node alone has
    settings: str = ""  # more for its line in slurm.conf

    @property
    def own_name(self) -> str:
        return self.hostname or self.name

    @property
    def interface(self) -> str:
        return "ib0" if self.dead_network else "eth0"

    @property
    def gres(self) -> str:
        return f"gpu:{self.gres_type}:{self.gpus}" if self.gres_type else f"gpu:{self.gpus}"

    @property
    def slurm_line(self) -> str:
        features = self.features if self.features is not None else "a100" if self.gpus else "x86"
        words = [f"NodeHostname={self.own_name}", f"TmpDisk={self.local_megabytes}", f"Feature={features}" if features else "",
                 self.settings]
        if self.gpus:
            words += ["CPUs=8 Sockets=2 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16000", f"Gres={self.gres}"]
        else:
            words += ["CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=8000"]
        return " ".join(word for word in words if word)


@dataclasses.dataclass(frozen=True)
class Partition:
    name: str
    nodes: str  # with commas between
    settings: str = "DefaultTime=00:10:00 MaxTime=01:00:00"  # as slurm.conf has them: Default, OverSubscribe, AllowAccounts, State ...


NODES = (Node("cpu01"), Node("cpu02"), Node("gpu01", 2), Node("gpu02", 2))


@dataclasses.dataclass(frozen=True)
class Site:
    """What the whole cluster has. All of it crosses to the hosts as JSON."""
    nodes: tuple[Node, ...] = NODES
    partitions: tuple[Partition, ...] = ()  # none: cpu (the default), and gpu where a node has GPUs
    extra: str = ""  # more slurm.conf
    submit_plugin: str = ""  # job_submit.lua
    cli_filter: str = ""  # cli_filter.lua
    modules: str = ""  # "lmod" or "tcl": `module` in login shells, with the files of MODULE_FILES
    slurm_conf_by_module: bool = False  # SLURM_CONF is known to the module slurm/virtual only
    database: bool = False  # MariaDB and slurmdbd; accounts are enforced, and every user has "proj"
    drivers: dict[str, str] = dataclasses.field(default_factory=dict)  # a host's folder with usr/ and proc-driver/

    @classmethod
    def read(cls, settings: dict[str, typing.Any]) -> "Site":
        nodes = tuple(Node(**node) for node in settings["nodes"])
        partitions = tuple(Partition(**partition) for partition in settings["partitions"])
        return cls(**{**settings, "nodes": nodes, "partitions": partitions})

    @property
    def all_partitions(self) -> tuple[Partition, ...]:
        if self.partitions:
            return self.partitions
        cpu, gpu = (",".join(node.name for node in self.nodes if bool(node.gpus) == wanted) for wanted in (False, True))
        found = [Partition("cpu", cpu, "Default=YES DefaultTime=00:10:00 MaxTime=02:00:00")] if cpu else []
        return (*found, Partition("gpu", gpu)) if gpu else tuple(found)

    @property
    def names(self) -> list[str]:
        return [LOGIN] + [node.name for node in self.nodes]

    def address(self, host: str) -> str:
        return f"{NETWORK}.{self.names.index(host) + 1}"

    def dead_address(self, host: str) -> str:
        return f"{DEAD_NETWORK}.{self.names.index(host) + 1}"

    def hosts_file(self) -> str:
        lines = ["127.0.0.1 localhost", f"{self.address(LOGIN)} {LOGIN}"]
        for node in self.nodes:
            working = [node.name, *([node.hostname] if node.hostname else [])]
            if node.dead_network:
                working.remove(node.own_name)
                lines.append(f"{self.dead_address(node.name)} {node.own_name}")
            lines.append(f"{self.address(node.name)} {' '.join(working) or node.name + 'i'}")
        return "\n".join(lines) + "\n"

    @property
    def conf_folder(self) -> str:
        return "/opt/slurm/virtual" if self.slurm_conf_by_module else "/etc/slurm"

    def slurm_conf(self, logs: str) -> str:
        """config_overrides lets a node claim more processors than this machine has."""
        lines = [
            "ClusterName=virtual", f"SlurmctldHost={LOGIN}({self.address(LOGIN)})", "SlurmUser=slurm",
            "AuthType=auth/munge", "StateSaveLocation=/var/spool/slurmctld", "SlurmdSpoolDir=/var/spool/slurmd",
            "SlurmctldPidFile=/run/slurmctld.pid", "SlurmdPidFile=/run/slurmd.pid",
            f"SlurmctldLogFile={logs}/slurmctld.log", f"SlurmdLogFile={logs}/slurmd.%n.log",
            "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "SwitchType=switch/none", "MpiDefault=none",
            "JobAcctGatherType=jobacct_gather/none",
            "SelectType=select/cons_tres", "SelectTypeParameters=CR_Core_Memory", "DefMemPerCPU=100",
            "GresTypes=gpu", "SlurmdParameters=config_overrides", "PropagateResourceLimits=NONE", "ReturnToService=2",
            "SlurmctldTimeout=30", "SlurmdTimeout=60", "InactiveLimit=0", "KillWait=3", "MinJobAge=300", "TmpFS=/local",
            "MailProg=/bin/true", "SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1",
        ]
        if self.database:
            lines += ["AccountingStorageType=accounting_storage/slurmdbd", f"AccountingStorageHost={LOGIN}",
                      "AccountingStorageEnforce=associations,limits,qos", "AccountingStorageTRES=gres/gpu"]
        else:
            lines.append("AccountingStorageType=accounting_storage/none")
        lines += ["JobSubmitPlugins=lua"] if self.submit_plugin else []
        lines += ["CliFilterPlugins=lua"] if self.cli_filter else []
        lines += [f"NodeName={node.name} NodeAddr={self.address(node.name)} {node.slurm_line}" for node in self.nodes]
        lines += [f"PartitionName={one.name} Nodes={one.nodes} {'' if 'State=' in one.settings else 'State=UP '}{one.settings}"
                  for one in self.all_partitions]
        return "\n".join(lines) + "\n" + self.extra


def cgroup_conf(version: str) -> str:
    """Without it slurmd 22.05 looks for cgroup mounts and exits; `disabled` is known from 23.11 on."""
    year, month = (int(part) for part in version.split(".")[:2])
    return f"CgroupPlugin={'disabled' if (year, month) >= (23, 11) else 'cgroup/v1'}\n"


def gres_conf(node: Node) -> str:
    kind = f"Type={node.gres_type} " if node.gres_type else ""
    return f"Name=gpu {kind}File=/dev/nvidia[0-{node.gpus - 1}]\n"
