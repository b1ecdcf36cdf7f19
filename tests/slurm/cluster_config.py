"""What the virtual cluster is made of: its hosts, users and Slurm's configuration, as text."""
import dataclasses

NETWORK = "10.77.0"
LOGIN = "login01"


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
    name: str
    gpus: int = 0

    @property
    def slurm_line(self) -> str:
        if self.gpus:
            return ("CPUs=8 Sockets=2 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16000 TmpDisk=64 "
                    f"Gres=gpu:a100:{self.gpus} Feature=a100")
        return "CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=8000 TmpDisk=64 Feature=x86"


NODES = (Node("cpu01"), Node("cpu02"), Node("gpu01", 2), Node("gpu02", 2))


def address(host: str, nodes=NODES) -> str:
    names = [LOGIN] + [node.name for node in nodes]
    return f"{NETWORK}.{names.index(host) + 1}"


def hosts_file(nodes=NODES) -> str:
    names = [LOGIN] + [node.name for node in nodes]
    return "127.0.0.1 localhost\n" + "".join(f"{address(name, nodes)} {name}\n" for name in names)


def slurm_conf(logs: str, nodes=NODES, extra: str = "") -> str:
    """config_overrides lets a node claim more processors than this machine has."""
    cpu = ",".join(node.name for node in nodes if not node.gpus)
    gpu = ",".join(node.name for node in nodes if node.gpus)
    lines = [
        "ClusterName=virtual", f"SlurmctldHost={LOGIN}({address(LOGIN, nodes)})", "SlurmUser=slurm",
        "AuthType=auth/munge", "StateSaveLocation=/var/spool/slurmctld", "SlurmdSpoolDir=/var/spool/slurmd",
        "SlurmctldPidFile=/run/slurmctld.pid", "SlurmdPidFile=/run/slurmd.pid",
        f"SlurmctldLogFile={logs}/slurmctld.log", f"SlurmdLogFile={logs}/slurmd.%h.log",
        "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "SwitchType=switch/none", "MpiDefault=none",
        "JobAcctGatherType=jobacct_gather/none", "AccountingStorageType=accounting_storage/none",
        "SelectType=select/cons_tres", "SelectTypeParameters=CR_Core_Memory", "DefMemPerCPU=100",
        "GresTypes=gpu", "SlurmdParameters=config_overrides", "PropagateResourceLimits=NONE", "ReturnToService=2",
        "SlurmctldTimeout=30", "SlurmdTimeout=60", "InactiveLimit=0", "KillWait=3", "MinJobAge=300", "TmpFS=/local",
        "MailProg=/bin/true", "SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1",
    ]
    lines += [f"NodeName={node.name} NodeAddr={address(node.name, nodes)} {node.slurm_line}" for node in nodes]
    lines.append(f"PartitionName=cpu Nodes={cpu} Default=YES DefaultTime=00:10:00 MaxTime=02:00:00 State=UP")
    if gpu:
        lines.append(f"PartitionName=gpu Nodes={gpu} DefaultTime=00:10:00 MaxTime=01:00:00 State=UP")
    return "\n".join(lines) + "\n" + extra


def cgroup_conf(version: str) -> str:
    """Without it slurmd 22.05 looks for cgroup mounts and exits; `disabled` is known from 23.11 on."""
    year, month = (int(part) for part in version.split(".")[:2])
    return f"CgroupPlugin={'disabled' if (year, month) >= (23, 11) else 'cgroup/v1'}\n"


def gres_conf(node: Node) -> str:
    return f"Name=gpu Type=a100 File=/dev/nvidia[0-{node.gpus - 1}]\n"
