package securitygroup_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/securitygroup/securitygrouptest"
)

const database = "arn:aws:rds:eu-central-1:111122223333:db:orders"

func TestEnsure(t *testing.T) {
	own := owned.Owner{}.ExposureTags("orders-acme-00000000", database)
	another := owned.Owner{}.ExposureTags("orders-other-11111111", database)
	resolver := owned.Owner{}.VPCTags("vpc-1")
	open := []string{"AuthorizeSecurityGroupEgress sg-1 tcp 5432-5432 10.0.0.0/16"}
	close := []string{"RevokeSecurityGroupEgress sg-1 -1 -1--1 0.0.0.0/0"}

	for name, row := range map[string]struct {
		tags    map[string]string // of the wanted group; own by default
		found   map[string]string // tags of a group that exists under the name, with the rule that AWS puts into it
		stale   map[string]string // tags of a rule for port 3306 in it
		correct bool              // the found group has the wanted rule and no other
		empty   bool              // the found group has no rule
		lag     bool
		want    []string
		err     string
	}{
		"a new group lets out only what is asked":                            {want: slices.Concat([]string{"CreateSecurityGroup rdslink-orders"}, open, close)},
		"a new group whose rules do not show yet is asked again":             {lag: true, want: []string{"CreateSecurityGroup rdslink-orders"}, err: "NotReady"},
		"a run that ended after the create leaves nothing open, seen or not": {found: own, lag: true, want: slices.Concat(open, close)},
		"a group whose rules somebody took away gets them back":              {found: own, empty: true, want: open},
		"a run that ended after the create is continued":                     {found: own, want: slices.Concat(open, close)},
		"a second run changes nothing":                                       {found: own, correct: true},
		"a group of someone else is a conflict":                              {found: map[string]string{"team": "data"}, err: "Conflict"},
		"a group that shows no tags yet may be ours":                         {found: map[string]string{}, err: "NotReady"},
		"a group of another exposure is a conflict":                          {found: another, err: "Conflict"},
		"the port of a database that moved is closed":                        {found: own, correct: true, stale: own, want: []string{"RevokeSecurityGroupEgress sg-1 tcp 3306-3306 10.0.0.0/16"}},
		"a rule that someone else added stays":                               {found: own, correct: true, stale: map[string]string{}},
		"a resolver's group keeps the rules that other databases need":       {tags: resolver, found: resolver, correct: true, stale: resolver},
		"a resolver's group loses the rule that lets everything out":         {tags: resolver, found: resolver, want: slices.Concat(open, close)},
		"an exposure's group under the name of a resolver's conflicts":       {tags: resolver, found: own, err: "Conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			var mutations []string
			cloud := &securitygrouptest.EC2{Lag: row.lag, OnChange: func(m string) { mutations = append(mutations, m) }}
			group := securitygroup.Group{
				Name: "rdslink-orders", Description: "a test", VPCID: "vpc-1", Tags: row.tags,
				Egress: securitygroup.EgressTo("tcp", 5432, []string{"10.0.0.0/16"}),
			}
			if group.Tags == nil {
				group.Tags = own
			}
			if row.found != nil {
				cloud.Groups = []types.SecurityGroup{{GroupId: aws.String("sg-1"), GroupName: &group.Name, VpcId: &group.VPCID, Tags: owned.EC2Tags(row.found)}}
				switch {
				case row.empty:
					cloud.Rules = nil
				case row.correct:
					cloud.AddEgress("sg-1", "tcp", 5432, "10.0.0.0/16", owned.EC2Tags(group.Tags))
				default:
					cloud.AddEgress("sg-1", "-1", -1, "0.0.0.0/0", nil)
				}
			}
			if row.stale != nil {
				cloud.AddEgress("sg-1", "tcp", 3306, "10.0.0.0/16", owned.EC2Tags(row.stale))
			}

			id, err := securitygroup.Ensure(t.Context(), cloud, group)

			if got := outcome.Name(err); got != row.err {
				t.Fatalf("error %q (%v), want %q", got, err, row.err)
			}
			if err == nil && id != "sg-1" {
				t.Errorf("group %q", id)
			}
			if !slices.Equal(mutations, row.want) {
				t.Errorf("mutations\n%q, want\n%q", mutations, row.want)
			}
		})
	}
}

func TestAGroupIsTaggedAtBirth(t *testing.T) {
	cloud := &securitygrouptest.EC2{OnChange: func(string) {}}
	tags := owned.Owner{Tags: map[string]string{"cost-center": "42"}}.ExposureTags("orders-acme-00000000", database)
	group := securitygroup.Group{Name: "rdslink-orders", VPCID: "vpc-1", Tags: tags, Egress: securitygroup.EgressTo("tcp", 5432, []string{"10.0.0.0/16"})}
	if _, err := securitygroup.Ensure(t.Context(), cloud, group); err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string][]types.Tag{"group": cloud.Groups[0].Tags, "rule": cloud.Rules[0].Tags} {
		if found := owned.FromEC2(got); found["cost-center"] != "42" || !(owned.Owner{}).Has(found, "orders-acme-00000000") {
			t.Errorf("%s carries %v", what, found)
		}
	}
}

// Whoever made a rule on a group of ours: what is not wanted lets nobody in.
func TestIngressIsExact(t *testing.T) {
	own := owned.Owner{}.ExposureTags("orders-acme-00000000", database)
	for name, row := range map[string]struct {
		wanted []securitygroup.Ingress
		found  func(*securitygrouptest.EC2)
		want   []string
	}{
		"none wanted, none there": {},
		"one that is missing":     {wanted: []securitygroup.Ingress{{5432, "sg-resolver"}}, want: []string{"AuthorizeSecurityGroupIngress sg-1 tcp 5432-5432 sg-resolver"}},
		"one that is there": {wanted: []securitygroup.Ingress{{5432, "sg-resolver"}},
			found: func(e *securitygrouptest.EC2) { e.AddIngress("sg-1", 5432, "sg-resolver", owned.EC2Tags(own)) }},
		"one on another port": {wanted: []securitygroup.Ingress{{6432, "sg-resolver"}},
			found: func(e *securitygrouptest.EC2) { e.AddIngress("sg-1", 5432, "sg-resolver", owned.EC2Tags(own)) },
			want:  []string{"AuthorizeSecurityGroupIngress sg-1 tcp 6432-6432 sg-resolver", "RevokeSecurityGroupIngress sg-1 5432-5432"}},
		"of another group": {wanted: []securitygroup.Ingress{{5432, "sg-resolver"}},
			found: func(e *securitygrouptest.EC2) { e.AddIngress("sg-1", 5432, "sg-former", owned.EC2Tags(own)) },
			want:  []string{"AuthorizeSecurityGroupIngress sg-1 tcp 5432-5432 sg-resolver", "RevokeSecurityGroupIngress sg-1 5432-5432"}},
		"everybody, by hand": {found: func(e *securitygrouptest.EC2) { e.AddIngress("sg-1", 5432, "", nil) }, want: []string{"RevokeSecurityGroupIngress sg-1 5432-5432"}},
		"no more wanted": {found: func(e *securitygrouptest.EC2) { e.AddIngress("sg-1", 5432, "sg-resolver", owned.EC2Tags(own)) },
			want: []string{"RevokeSecurityGroupIngress sg-1 5432-5432"}},
	} {
		t.Run(name, func(t *testing.T) {
			var mutations []string
			cloud := &securitygrouptest.EC2{OnChange: func(m string) { mutations = append(mutations, m) }}
			group := securitygroup.Group{Name: "rdslink-orders", VPCID: "vpc-1", Tags: own, Ingress: row.wanted,
				Egress: securitygroup.EgressTo("tcp", 5432, []string{"10.0.0.0/16"})}
			cloud.Groups = []types.SecurityGroup{{GroupId: aws.String("sg-1"), GroupName: &group.Name, VpcId: &group.VPCID, Tags: owned.EC2Tags(own)}}
			cloud.AddEgress("sg-1", "tcp", 5432, "10.0.0.0/16", owned.EC2Tags(own))
			if row.found != nil {
				row.found(cloud)
			}
			for range 2 { // the second changes nothing
				if _, err := securitygroup.Ensure(t.Context(), cloud, group); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(mutations, row.want) {
				t.Errorf("mutations\n%q, want\n%q", mutations, row.want)
			}
		})
	}
}

// The group of a VPC's resolver keeps a rule for each port of each exposure, so that it may become full.
func TestAGroupWithoutRoomSaysWhatToDo(t *testing.T) {
	tags := owned.Owner{}.VPCTags("vpc-1")
	cloud := &securitygrouptest.EC2{OnChange: func(string) {}}
	name, vpc := "rdslink-resolver-vpc-1", "vpc-1"
	cloud.Groups = []types.SecurityGroup{{GroupId: aws.String("sg-1"), GroupName: &name, VpcId: &vpc, Tags: owned.EC2Tags(tags)}}
	for port := range int32(59) {
		cloud.AddEgress("sg-1", "tcp", 6001+port, "10.0.0.0/16", owned.EC2Tags(tags))
	}
	ensure := func(port int32) error {
		_, err := securitygroup.Ensure(t.Context(), cloud, securitygroup.Group{Name: name, VPCID: vpc, Tags: tags,
			Egress: securitygroup.EgressTo("tcp", port, []string{"10.0.0.0/16"})})
		return err
	}
	if err := ensure(6432); err != nil {
		t.Fatalf("the sixtieth rule: %v", err)
	}
	err := ensure(7432)
	if outcome.Name(err) != "BadInput" {
		t.Fatalf("got %v", err)
	}
	for _, said := range []string{"sg-1", "port 7432", "listenerPort", "no exposure has any more", "Service Quotas"} {
		if !strings.Contains(err.Error(), said) {
			t.Errorf("%v does not say %q", err, said)
		}
	}
	if err := ensure(6001); err != nil {
		t.Errorf("a port that is let out to already: %v", err)
	}
}
