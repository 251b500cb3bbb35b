"""Addresses: which hosts of the internet a tool may be sent to by a model.

A name proves nothing, since its owner decides where it leads, also between a check and the connection. So it is the
address that is looked at, as the connection is made to it.
"""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_REFUSED = tuple(
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",  # where a cloud answers its own machines
        "::/128", "::1/128", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/9",
        "ff00::/8",
    )
)  # fmt: skip
"""What is not the public internet: private, shared, local to a link or a machine, for documentation, multicast."""
_WRAPPED = tuple(
    IPv6Network(one) for one in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
"""Networks of IPv6 whose addresses end in one of IPv4, to which they lead."""
_SIX_TO_FOUR = IPv6Network("2002::/16")


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, and stands for no other that is not."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(map(_is_public, (address, *_within(address))))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not any(
        address in network for network in _REFUSED if isinstance(network, IPv4Network) == (address.version == 4)
    )


def _within(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The addresses of IPv4 that one of IPv6 carries."""
    if isinstance(address, IPv4Address):
        return []
    last = IPv4Address(int(address) & 0xFFFF_FFFF)
    found = [last] if any(address in network for network in _WRAPPED) else []
    if address in _SIX_TO_FOUR:
        found.append(IPv4Address(int(address) >> 80 & 0xFFFF_FFFF))
    if int(address) >> 32 & 0xFCFF_FFFF == 0x0000_5EFE:  # ISATAP
        found.append(last)
    return found
