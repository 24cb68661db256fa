package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/wanted"
)

// linked is a database of a link, as a person types it.
type linked struct {
	database     string
	listenerPort int // 0 for what it has, or the database's
}

var linkedFields = []string{"database", "listenerPort"}

// databases reads those of a link; nil, where the input is for a database by itself.
func (f *fields) databases() []linked {
	if _, given := f.values["databases"]; !given {
		return nil
	}
	var entries []json.RawMessage
	f.read("databases", "a list of objects", &entries)
	all := []linked{}
	for i, entry := range entries {
		in, err := object(entry, at(i), linkedFields)
		if err != nil {
			f.fail(err)
			return all
		}
		in.prefix = at(i) + "."
		one := linked{in.text("database", ""), in.whole("listenerPort", 0, 65535)}
		if f.fail(in.err); in.err == nil && one.database == "" {
			f.fail(outcome.BadInput("%s.database is missing: give the identifier or the ARN of a database", at(i)))
		}
		all = append(all, one)
	}
	return all
}

// at names an entry of the list, as JSON paths do.
func at(i int) string { return fmt.Sprintf("databases[%d]", i) }

// checkLinked reports, as an error, a list of databases that cannot be right whatever they are.
func (r request) checkLinked() error {
	switch {
	case r.databases == nil:
		return nil
	case r.database != "":
		return outcome.BadInput("database and databases are both given: put all of them into databases, or leave databases out")
	case r.listenerPort != 0:
		return outcome.BadInput(`listenerPort is given beside databases: put it into the entry of its database, ` +
			`such as {"database": "orders-prod", "listenerPort": 5433}`)
	case len(r.databases) == 0:
		return outcome.BadInput("databases is empty: name one at least; to take a link away, remove it (docs/removing.md)")
	case len(r.databases) > link.MostListeners:
		return outcome.BadInput("databases has %d entries, and a load balancer takes %d listeners: "+
			"make two links, with another name for the second", len(r.databases), link.MostListeners)
	}
	return nil
}

// link plans a link: several databases, one load balancer, one endpoint service. As for a database by itself, claims come
// last, and nothing else is written.
func (s gatherRDSDetails) link(ctx context.Context, in Input, r request, c consumer, home database.Home) (Output, error) {
	dbs, err := s.findAll(ctx, r, c, home)
	if err != nil {
		return Output{}, err
	}
	plan := s.newPlan(r, c, database.Database{VPCID: dbs[0].VPCID}, home)
	plan.Exposure, plan.SecurityGroupIDs = s.owner.LinkID(plan.VPCID, c.Consumer), []string{}
	recorded, err := s.toldLater(ctx, &plan, &c)
	if err != nil {
		return Output{}, err
	}
	there, err := s.registry.On(ctx, plan.Exposure)
	if err != nil {
		return Output{}, err
	}
	for i, db := range dbs {
		plan.Databases = append(plan.Databases, s.database(plan.Exposure, db, c, r.databases[i], there))
	}
	if plan.NotListed, err = notListed(plan.Databases, there); err != nil {
		return Output{}, err
	}
	if err := checkPorts(plan.Databases, plan.NotListed); err != nil {
		return Output{}, err
	}
	if err := s.placeLink(ctx, &plan, r, c, dbs, home); err != nil {
		return Output{}, err
	}
	if err := s.checkName(ctx, plan); err != nil {
		return Output{}, err
	}
	for i, db := range dbs {
		if plan.Databases[i].MaxConnectErrors, err = s.maxConnectErrors(ctx, db); err != nil {
			return Output{}, err
		}
	}
	return s.claimLink(ctx, plan, r, c, in.Execution, s.running(recorded, plan, in.Execution))
}

// findAll finds the databases, and reports as an error those that cannot share a load balancer.
func (s gatherRDSDetails) findAll(ctx context.Context, r request, c consumer, home database.Home) ([]database.Database, error) {
	var dbs []database.Database
	for i, one := range r.databases {
		db, err := s.find(ctx, r, c, home, one.database)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at(i), err)
		}
		for j, other := range dbs {
			if other.ARN == db.ARN {
				return nil, outcome.BadInput("%s and %s are both %s: leave one out", at(j), at(i), db.Identifier)
			}
		}
		if len(dbs) > 0 && dbs[0].VPCID != db.VPCID {
			return nil, outcome.BadInput("%s: database %s is in %s, and %s of databases[0] in %s: a load balancer is in one VPC; "+
				"make a link for each VPC", at(i), db.Identifier, db.VPCID, dbs[0].Identifier, dbs[0].VPCID)
		}
		dbs = append(dbs, db)
	}
	return dbs, nil
}

// database is what the plan holds of one. A port that the entry does not name stays what it was.
func (s gatherRDSDetails) database(id string, db database.Database, c consumer, one linked, there []registry.Exposure) link.Database {
	d := link.Database{
		Exposure:    s.owner.OnLinkID(id, db.ARN, db.Endpoint, db.Identifier, c.Consumer),
		DatabaseARN: db.ARN, DatabaseKind: db.Kind, DatabaseIdentifier: db.Identifier, Endpoint: db.Endpoint, Engine: db.Engine,
		Host: db.Host, Port: int32(db.Port), ListenerPort: int32(one.listenerPort),
	}
	for _, e := range there {
		if e.ID == d.Exposure && d.ListenerPort == 0 {
			d.ListenerPort = e.ListenerPort
		}
	}
	d.ListenerPort = cmp.Or(d.ListenerPort, d.Port)
	return d
}

// notListed are the exposures that are on the link and not in the list. They are served on: removing one is for its removal.
func notListed(listed []link.Database, there []registry.Exposure) ([]link.Kept, error) {
	kept := []link.Kept{}
	for _, e := range there {
		switch {
		case slices.ContainsFunc(listed, func(d link.Database) bool { return d.Exposure == e.ID }):
		case e.Unreadable != nil:
			return nil, outcome.Failed("the item of exposure %s in the registry does not decode, and it may be served: "+
				"remove it, or restore the registry (docs/removing.md, docs/deploy.md): %w", e.ID, e.Unreadable)
		case e.Binding != nil:
			kept = append(kept, link.Kept{Exposure: e.ID, ListenerPort: e.ListenerPort, Port: int32(e.Binding.Port)})
		}
	}
	return kept, nil
}

// checkPorts reports, as an error, listeners that one load balancer cannot have.
func checkPorts(listed []link.Database, kept []link.Kept) error {
	for i, d := range listed {
		for j, other := range listed[:i] {
			if other.ListenerPort == d.ListenerPort {
				return outcome.BadInput("%s.listenerPort: %d is the port of %s (%s), too: give one of them another listenerPort",
					at(i), d.ListenerPort, at(j), other.DatabaseIdentifier)
			}
		}
		for _, other := range kept {
			if other.ListenerPort == d.ListenerPort {
				return outcome.BadInput("%s.listenerPort: %d is the port of exposure %s, which is on the link and not in databases: "+
					"give another listenerPort, or remove that exposure first", at(i), d.ListenerPort, other.Exposure)
			}
		}
	}
	if count := len(listed) + len(kept); count > link.MostListeners {
		var ids []string
		for _, k := range kept {
			ids = append(ids, k.Exposure)
		}
		return outcome.BadInput("databases: with %s, which databases does not name, the link would have %d listeners, "+
			"and a load balancer takes %d: "+
			"remove some first, or make two links, with another name for the second", strings.Join(ids, ", "), count, link.MostListeners)
	}
	return nil
}

// placeLink is place for a link: the zones of all databases, and rules that fit into every group. Databases may share a
// group: what one of them needs of it takes room from the next.
func (s gatherRDSDetails) placeLink(
	ctx context.Context, plan *Output, r request, c consumer, dbs []database.Database, home database.Home,
) error {
	subnets, err := s.enter(ctx, plan, r, c, home, dbs...)
	if err != nil {
		return err
	}
	var future []ec2types.SecurityGroupRule
	for i, db := range dbs {
		d := &plan.Databases[i]
		if d.SecurityGroupIDs, future, err = s.usableGroups(ctx, db, home, s.need(r, d.Exposure, db.Port, subnets), future); err != nil {
			return fmt.Errorf("%s: %w", at(i), err)
		}
	}
	return s.checkOwnGroups(ctx, *plan, r)
}

// checkOwnGroups reports, as an error, more ports than fit into the groups of the load balancer and of the VPC's resolver:
// each has a rule for each port and each of the VPC's CIDRs.
func (s gatherRDSDetails) checkOwnGroups(ctx context.Context, plan Output, r request) error {
	var ways []registry.Way
	var ports []int32
	for _, d := range plan.Databases {
		ways, ports = append(ways, registry.Way{ListenerPort: d.ListenerPort, Port: d.Port}), append(ports, d.Port, d.ListenerPort)
	}
	for _, k := range plan.NotListed {
		ways, ports = append(ways, registry.Way{ListenerPort: k.ListenerPort, Port: k.Port}), append(ports, k.Port, k.ListenerPort)
	}
	groups := map[string]securitygroup.Group{"load balancer": wanted.Balancer{
		Owner: s.owner, Exposure: plan.Exposure, VPCID: plan.VPCID, VPCCIDRs: plan.VPCCIDRs, Ways: ways,
	}.Group()}
	if r.resolver == resolverVPC {
		groups["VPC's resolver"] = resolver.Resolver{VPCID: plan.VPCID, Owner: s.owner}.Group(plan.VPCCIDRs, plan.DNSServers, ports...)
	}
	for _, whose := range slices.Sorted(maps.Keys(groups)) {
		if err := s.checkRoom(ctx, whose, groups[whose], plan.VPCCIDRs); err != nil {
			return err
		}
	}
	return nil
}

func (s gatherRDSDetails) checkRoom(ctx context.Context, whose string, group securitygroup.Group, cidrs []string) error {
	count, err := s.egressCount(ctx, group)
	if outcome.DoWithout(ctx, err, "whether a link's rules fit into the groups of its load balancer and of the resolver") {
		return nil
	}
	if err != nil || count <= rulesPerGroup {
		return err
	}
	limit, known, err := s.raised(ctx)
	if err != nil || !known || count <= limit {
		return err
	}
	return outcome.BadInput("databases: the security group of the %s would have %d rules, one for each port and each of the VPC's "+
		"CIDRs (%s), and the limit is %d: give databases that share ports, make two links, or raise the quota (Service Quotas, Amazon VPC)",
		whose, count, strings.Join(cidrs, ", "), limit)
}

// egressCount is how many ways out a group of ours has when it has those that it should have, besides what it has.
func (s gatherRDSDetails) egressCount(ctx context.Context, group securitygroup.Group) (int, error) {
	found, err := s.network.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: aws.String("group-name"), Values: []string{group.Name}}, {Name: aws.String("vpc-id"), Values: []string{group.VPCID}},
	}})
	if err != nil {
		return 0, fmt.Errorf("describe security group %s: %w", group.Name, err)
	}
	count := len(group.Egress)
	if len(found.SecurityGroups) == 0 {
		return count, nil
	}
	id := aws.ToString(found.SecurityGroups[0].GroupId)
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(s.network, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{id}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("describe rules of security group %s: %w", id, err)
		}
		for _, rule := range page.SecurityGroupRules {
			wanted := slices.ContainsFunc(group.Egress, func(e securitygroup.Egress) bool { return e.Is(rule) })
			if aws.ToBool(rule.IsEgress) && rule.CidrIpv6 == nil && !wanted {
				count++
			}
		}
	}
	return count, nil
}

// claimLink claims the link and each of its exposures, in that order: who has the link is let have them.
func (s gatherRDSDetails) claimLink(ctx context.Context, plan Output, r request, c consumer, execution string,
	running func(context.Context, string) (bool, error),
) (Output, error) {
	seed := s.seed(plan, r, c)
	seed.Link = plan.Exposure
	claimed, err := s.registry.Claim(ctx, seed, execution, running)
	if err != nil {
		return Output{}, err
	}
	for _, d := range plan.Databases {
		seed.ID, seed.DatabaseARN, seed.DatabaseIdentifier = d.Exposure, d.DatabaseARN, d.DatabaseIdentifier
		if _, err := s.registry.Claim(ctx, seed, execution, running); err != nil {
			return Output{}, err
		}
	}
	return keepService(plan, r, claimed), nil
}
