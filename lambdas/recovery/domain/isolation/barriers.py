"""What blocks traffic of a place: the rules of its security groups, and of the network ACL of its subnet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recovery.domain.isolation.addresses import Range, overlap, subtract
from recovery.domain.isolation.networks import Acl, GroupRule, SecurityGroup, VpcNetwork
from recovery.domain.isolation.verdicts import Place


@dataclass(frozen=True, slots=True)
class Ends:
    """The other ends of a way: their addresses and, of a network interface of the VPC, its groups.

    `groups` is None for ends that are no network interface of the VPC. Between two interfaces of one subnet, network
    ACLs do not apply; `is_in_subnet` says so.
    """

    ranges: tuple[Range, ...]
    groups: frozenset[str] | None = None
    is_in_subnet: bool = False


@dataclass(frozen=True, slots=True)
class Barriers:
    """The security groups and the network ACLs of a place; `groups` is None if one of them is not known."""

    groups: tuple[SecurityGroup, ...] | None
    acls: tuple[Acl, ...]
    vpc_ranges: tuple[Range, ...]
    vpc_groups: frozenset[str]

    @classmethod
    def of(cls, place: Place, vpc: VpcNetwork) -> "Barriers":
        """The barriers of a place in this VPC."""
        default = vpc.default_group
        named = [vpc.groups.get(each) for each in place.security_groups] or [default]
        known = tuple(each for each in named if each is not None)
        acls = tuple(acl for acl in vpc.acls if place.subnet_id in acl.subnets)
        return cls(known if len(known) == len(named) else None, acls, vpc.ranges, frozenset(vpc.groups))

    def close(self, ends: Ends) -> str | None:
        """Why nothing passes between the place and the ends, in neither direction; None if something may."""
        out, into = self.find_block(ends, is_egress=True), self.find_block(ends, is_egress=False)
        if not (out and into):
            return None
        return f"{out} and {into} block it" if out != into else f"{out} blocks it"

    def find_block(self, ends: Ends, *, is_egress: bool) -> str | None:
        """What blocks all traffic to (or, if not `is_egress`, from) the ends; None if nothing does."""
        if self.groups is not None and not any(
            self._allows(rule, ends) for group in self.groups for rule in (group.egress if is_egress else group.ingress)
        ):
            return ", ".join(group.group_id for group in self.groups)
        if self.acls and not ends.is_in_subnet and all(denies(acl, ends.ranges, is_egress) for acl in self.acls):
            return ", ".join(acl.acl_id for acl in self.acls)
        return None

    def _allows(self, rule: GroupRule, ends: Ends) -> bool:
        """Whether the rule may be for some of the ends. What a prefix list has is not known, so it may be."""
        if rule.has_prefix_lists or overlap(rule.ranges, ends.ranges):
            return True
        if ends.groups:
            return bool(rule.groups & ends.groups)
        # A rule for members of a group is for their addresses, and those of groups of this VPC are in it.
        is_outside = ends.groups is None and not overlap(ends.ranges, self.vpc_ranges) and bool(self.vpc_ranges)
        return bool(rule.groups - self.vpc_groups if is_outside else rule.groups)


def denies(acl: Acl, ranges: Sequence[Range], is_egress: bool) -> bool:
    """Whether the network ACL denies all traffic with these addresses in this direction.

    EC2 takes the first rule, by number, that matches a packet, and denies what none matches (VPC guide, "Network ACL
    rules"). A deny for some protocols only leaves others, so it is passed over; an allow for any of them allows.
    """
    left: Iterable[Range] = ranges
    for rule in sorted(acl.rules, key=lambda each: (each.number, each.is_allow)):
        if rule.is_egress is not is_egress:
            continue
        if rule.is_allow and overlap(rule.ranges, left):
            return False
        if not rule.is_allow and rule.is_for_all:
            left = subtract(left, rule.ranges)
    return True
