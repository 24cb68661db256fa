"""Tries what the local cloud needs of the kernel, as it does: namespaces without being root, nf_tables inside."""
import ctypes
import os
import socket
import struct
import sys

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
NETLINK_NETFILTER, NLM_F_REQUEST, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN = 12, 1, 10, 16


def sysctl(name):
    try:
        with open("/proc/sys/" + name) as file:
            return file.read().strip()
    except OSError:
        return ""  # this kernel does not have it


def remedy(root):
    if sysctl("user/max_user_namespaces") == "0":
        return "user namespaces are switched off: sudo sysctl -w user.max_user_namespaces=10000"
    if not root and sysctl("kernel/unprivileged_userns_clone") == "0":
        return "only root may make user namespaces: use sudo, or sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if not root and sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return ("AppArmor restricts the user namespaces of ordinary users (Ubuntu 23.10 and later): use sudo, "
                "or sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
    return "a container's seccomp or AppArmor profile may forbid it: start the container with --privileged, or run outside of it"


def enter():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEWUSER | NEWNS | NEWIPC | NEWPID | NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    # AppArmor lets the namespaces be made, and then takes the capabilities in them.
    if libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def ask_nf_tables():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
        s.settimeout(1)
        s.send(struct.pack("=IHHIIBBH", 20, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_REQUEST, 1, 0, 0, 0, 0))
        answer = s.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] == 2:  # NLMSG_ERROR
        raise OSError(-struct.unpack_from("=i", answer, 16)[0], "no answer")


root = os.geteuid() == 0
try:
    enter()
except OSError as error:
    sys.exit(f"the kernel refuses namespaces ({error.strerror}): {remedy(root)}")
try:
    ask_nf_tables()
except OSError as error:
    sys.exit(f"the kernel lacks nf_tables ({error.strerror}), or is older than Linux 5.6: try sudo modprobe nf_tables")
