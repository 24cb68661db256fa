package confirm

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/database"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (v *view) instances(ctx context.Context) ([]rdstypes.DBInstance, error) {
	return once(v, "instances", func() ([]rdstypes.DBInstance, error) { return v.Instances(ctx) })
}

func (v *view) clusters(ctx context.Context) ([]rdstypes.DBCluster, error) {
	return once(v, "clusters", func() ([]rdstypes.DBCluster, error) { return v.Clusters(ctx) })
}

// groups are the security groups of every database of the account, by its ARN.
func (v *view) groups(ctx context.Context) (map[string][]string, error) {
	return once(v, "groups", func() (map[string][]string, error) {
		instances, err := v.instances(ctx)
		if err != nil {
			return nil, err
		}
		clusters, err := v.clusters(ctx)
		if err != nil {
			return nil, err
		}
		proxies, err := v.Proxies(ctx)
		if err != nil {
			return nil, err
		}
		groups := map[string][]string{}
		for _, p := range proxies {
			groups[aws.ToString(p.DBProxyArn)] = p.VpcSecurityGroupIds
		}
		for _, i := range instances {
			groups[aws.ToString(i.DBInstanceArn)] = groupIDs(i.VpcSecurityGroups)
		}
		for _, c := range clusters {
			groups[aws.ToString(c.DBClusterArn)] = groupIDs(c.VpcSecurityGroups)
		}
		return groups, nil
	})
}

func groupIDs(all []rdstypes.VpcSecurityGroupMembership) (ids []string) {
	for _, g := range all {
		ids = append(ids, aws.ToString(g.VpcSecurityGroupId))
	}
	return ids
}

func interfacesAreTheDatabases(ctx context.Context, v *view, f *findings) error {
	groups, err := v.groups(ctx)
	if err != nil {
		return err
	}
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return err
		}
		if !bound {
			f.miss("%s has no schedule yet: let its execution end", e.id)
			continue
		}
		targets, err := v.targets(ctx, e)
		if err != nil {
			return err
		}
		for _, t := range targets {
			address := aws.ToString(t.Target.Id)
			found, err := v.interfaces(ctx, "addresses.private-ip-address", address)
			if err != nil {
				return err
			}
			found = slices.DeleteFunc(slices.Clone(found), func(i ec2types.NetworkInterface) bool {
				return aws.ToString(i.VpcId) != b.VPCID
			})
			if why := foreign(found, v.account, groups[b.DatabaseARN]); why != "" {
				f.contradict("Correct internal/targets/decide.go for this kind of database.", "%s, the %s %s: %s", address,
					b.DatabaseKind, b.DatabaseARN, why)
				continue
			}
			f.confirm("%s of the %s of %s is %s, %q", address, b.DatabaseKind, e.id, aws.ToString(found[0].NetworkInterfaceId),
				aws.ToString(found[0].Description))
		}
	}
	return err
}

// foreign says why interfaces with a database's address are not what rdslink takes them for.
func foreign(found []ec2types.NetworkInterface, account string, groups []string) string {
	if len(found) != 1 {
		return fmt.Sprintf("%d network interfaces of its VPC have the address", len(found))
	}
	if owner := aws.ToString(found[0].OwnerId); owner != account {
		return "its network interface belongs to " + owner
	}
	if !carries(found[0], groups) {
		return "its network interface carries none of " + strings.Join(groups, ", ")
	}
	return ""
}

// carries tells an interface with one of the groups.
func carries(i ec2types.NetworkInterface, groups []string) bool {
	return slices.ContainsFunc(i.Groups, func(g ec2types.GroupIdentifier) bool { return slices.Contains(groups, aws.ToString(g.GroupId)) })
}

// addressesOf are the addresses that an exposure's host has here; none where this machine's DNS does not know it.
func (v *view) addressesOf(ctx context.Context, host string) []string {
	found, err := once(v, "address of "+host, func() ([]string, error) { return v.Lookup(ctx, host) })
	if err != nil {
		return nil
	}
	return found
}

// eachHost calls look with every exposure whose host has one address, and with what DNS says of it here.
func (v *view) eachHost(ctx context.Context, f *findings, look func(e exposure, host string, found []string) error) error {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return err
		}
		if !bound || b.DatabaseKind == database.Proxy {
			f.miss("expose a database that is no proxy, and let the execution end")
			continue
		}
		found := v.addressesOf(ctx, b.Host)
		if len(found) == 0 {
			f.miss("this machine's DNS does not know %s: it may hold private addresses back; ask another, `dig +short %s`", b.Host, b.Host)
			continue
		}
		if err := look(e, b.Host, found); err != nil {
			return err
		}
	}
	return err
}

func nameHasOneAddress(ctx context.Context, v *view, f *findings) error {
	return v.eachHost(ctx, f, func(_ exposure, host string, found []string) error {
		if len(found) > 1 {
			f.contradict("Have internal/targets take several addresses for this kind of database.", "%s has the addresses %s", host,
				strings.Join(found, ", "))
			return nil
		}
		f.confirm("%s is %s alone", host, found[0])
		return nil
	})
}

func nameResolvesAnywhere(ctx context.Context, v *view, f *findings) error {
	return v.eachHost(ctx, f, func(e exposure, host string, found []string) error {
		targets, err := v.targets(ctx, e)
		if err != nil {
			return err
		}
		address, err := netip.ParseAddr(found[0])
		registered := slices.ContainsFunc(targets, func(t elbtypes.TargetHealthDescription) bool {
			return aws.ToString(t.Target.Id) == found[0]
		})
		switch {
		case registered:
			f.confirm("%s is %s here, as in the VPC", host, found[0])
		case err == nil && !address.IsPrivate():
			f.miss("%s is public: its name has another address outside its VPC", host)
		default:
			f.contradict("Do not use `\"resolver\": \"none\"`.", "%s is %s here, which is no target", host, found[0])
		}
		return nil
	})
}

// eventsCome compares registrations with the events around them: a minute's tick may see the new address before the event
// comes, and what was registered just now may still hear one.
func eventsCome(ctx context.Context, v *view, f *findings) error {
	const late, early = 2 * time.Minute, 6 * time.Minute // of the event, after the registration and before
	lines, err := v.log(ctx, "ip-sync", "database moves", "register target")
	told := map[string][]Line{}
	for _, l := range lines {
		if l.Text("msg") == "database moves" {
			told[l.Text("exposure")] = append(told[l.Text("exposure")], l)
		}
	}
	at := map[string]string{}
	for _, l := range lines {
		e, target := l.Text("exposure"), l.Text("target")
		if l.Text("msg") != "register target" || at[e] == target { // it was taken away, and is where it was
			continue
		}
		at[e] = target
		around := slices.IndexFunc(told[e], func(event Line) bool { return l.At.Sub(event.At) < early && event.At.Sub(l.At) < late })
		switch {
		case around >= 0:
			event := told[e][around]
			f.confirm("%s: %s came within %s of the registration of %s", e, event.Text("event"), l.At.Sub(event.At).Abs().Round(time.Second), target)
		case time.Since(l.At) >= late:
			f.contradict("Failovers take up to a minute longer than docs/limits.md says; see the rule's metric FailedInvocations.",
				"%s got the target %s, and no event had announced it", e, target)
		}
	}
	f.miss("reboot a test database with failover: `aws rds reboot-db-instance --force-failover --db-instance-identifier …`")
	return err
}

func certificatesAreRenewed(ctx context.Context, v *view, f *findings) error {
	lines, err := v.log(ctx, "ip-sync", "database moves", "certificate names another server")
	for _, l := range lines {
		switch e := l.Text("exposure"); {
		case l.Text("msg") != "database moves":
			f.contradict("Have RDS issue it anew (`aws rds modify-db-instance --ca-certificate-identifier … --apply-immediately`), "+
				"or raise renamedWithin in internal/targets/memory.go if it came by itself.", "%s: %s", e, l.Text("detail"))
		case slices.Contains(database.Switchovers, l.Text("event")):
			f.confirm("%s was switched over (%s), and no certificate of another name was registered", e, l.Text("event"))
		}
	}
	f.miss("switch a blue/green deployment of a test database over: `aws rds switchover-blue-green-deployment`")
	return err
}

func proxiesListen(ctx context.Context, v *view, f *findings) error {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return err
		}
		if !bound || b.DatabaseKind != database.Proxy {
			continue
		}
		targets, err := v.targets(ctx, e)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if t.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
				f.confirm("%s listens on %d", e.id, aws.ToInt32(t.Target.Port))
			} else {
				f.contradict("Connect to the proxy on its database's port: if that answers, correct internal/database/proxy.go.",
					"%s: %s:%d is %s", e.id, aws.ToString(t.Target.Id), aws.ToInt32(t.Target.Port), t.TargetHealth.State)
			}
		}
	}
	f.miss("expose an RDS Proxy")
	return err
}

func proxiesAreDescribed(ctx context.Context, v *view, f *findings) error {
	if err := denied(ctx, v, f, "rds:DescribeDBProxies", "Allow it on every proxy.", "1."); err != nil {
		return err
	}
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return err
		}
		if bound && b.DatabaseKind == database.Proxy {
			f.confirm("%s is of a proxy", e.id)
		}
	}
	f.miss("expose an RDS Proxy")
	return err
}

func secondariesAreTold(ctx context.Context, v *view, f *findings) error {
	global, err := v.GlobalClusters(ctx)
	if err != nil {
		return err
	}
	clusters, err := v.clusters(ctx)
	for _, g := range global {
		for _, member := range g.GlobalClusterMembers {
			i := slices.IndexFunc(clusters, func(c rdstypes.DBCluster) bool {
				return aws.ToString(c.DBClusterArn) == aws.ToString(member.DBClusterArn)
			})
			if i < 0 || aws.ToBool(member.IsWriter) {
				continue
			}
			id := aws.ToString(clusters[i].DBClusterIdentifier)
			if shown := aws.ToString(clusters[i].GlobalClusterIdentifier); shown == "" {
				f.contradict("Nothing needs to be done: a message says less.", "%s is a secondary of %s and does not show it", id,
					aws.ToString(g.GlobalClusterIdentifier))
			} else {
				f.confirm("%s shows %s", id, shown)
			}
		}
	}
	f.miss("have a secondary cluster of a global database in this region")
	return err
}
