// Package hostedzonetest is a Route 53 in memory.
package hostedzonetest

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
)

// Zones are an account's hosted zones and their TXT records.
type Zones struct {
	Zones   []Zone
	Denied  string // the operation that nobody may call
	Changes []string
}

// Zone is a hosted zone. Texts are the values of its TXT records, by name.
type Zone struct {
	ID, Name string
	Private  bool
	Texts    map[string][]string
}

// Public adds an empty public zone.
func (z *Zones) Public(id, name string) { z.add(Zone{ID: id, Name: name}) }

// Private adds an empty private zone.
func (z *Zones) Private(id, name string) { z.add(Zone{ID: id, Name: name, Private: true}) }

func (z *Zones) add(zone Zone) {
	zone.Texts = map[string][]string{}
	z.Zones = append(z.Zones, zone)
}

func (z *Zones) deny(operation string) error {
	if z.Denied != operation {
		return nil
	}
	return &smithy.OperationError{ServiceID: "Route 53", OperationName: operation, Err: &smithy.GenericAPIError{Code: "AccessDenied"}}
}

func (z *Zones) zone(id *string) (Zone, error) {
	i := slices.IndexFunc(z.Zones, func(zone Zone) bool { return zone.ID == aws.ToString(id) })
	if i < 0 {
		return Zone{}, &types.NoSuchHostedZone{}
	}
	return z.Zones[i], nil
}

func order(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// ListHostedZonesByName begins with the zone of that name, or with the next one.
func (z *Zones) ListHostedZonesByName(_ context.Context, in *route53.ListHostedZonesByNameInput, _ ...func(*route53.Options)) (*route53.ListHostedZonesByNameOutput, error) {
	if err := z.deny("ListHostedZonesByName"); err != nil {
		return nil, err
	}
	all := slices.SortedFunc(slices.Values(z.Zones), func(a, b Zone) int { return strings.Compare(order(a.Name), order(b.Name)) })
	out := &route53.ListHostedZonesByNameOutput{}
	for _, zone := range all {
		if order(zone.Name) >= order(*in.DNSName) && len(out.HostedZones) < int(*in.MaxItems) {
			out.HostedZones = append(out.HostedZones, types.HostedZone{Id: aws.String("/hostedzone/" + zone.ID), Name: aws.String(zone.Name + "."),
				Config: &types.HostedZoneConfig{PrivateZone: zone.Private}})
		}
	}
	return out, nil
}

// ListResourceRecordSets begins with the record of that name, or with the next one.
func (z *Zones) ListResourceRecordSets(_ context.Context, in *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	if err := z.deny("ListResourceRecordSets"); err != nil {
		return nil, err
	}
	zone, err := z.zone(in.HostedZoneId)
	out := &route53.ListResourceRecordSetsOutput{}
	for name, values := range zone.Texts {
		if order(name) >= order(*in.StartRecordName) {
			set := types.ResourceRecordSet{Name: aws.String(name + "."), Type: types.RRTypeTxt, TTL: aws.Int64(1800)}
			for _, value := range values {
				set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(`"` + value + `"`)})
			}
			out.ResourceRecordSets = append(out.ResourceRecordSets, set)
		}
	}
	slices.SortFunc(out.ResourceRecordSets, func(a, b types.ResourceRecordSet) int { return strings.Compare(order(*a.Name), order(*b.Name)) })
	out.ResourceRecordSets = out.ResourceRecordSets[:min(len(out.ResourceRecordSets), int(*in.MaxItems))]
	return out, err
}

// ChangeResourceRecordSets upserts or deletes one record.
func (z *Zones) ChangeResourceRecordSets(_ context.Context, in *route53.ChangeResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	if err := z.deny("ChangeResourceRecordSets"); err != nil {
		return nil, err
	}
	zone, err := z.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	for _, change := range in.ChangeBatch.Changes {
		name, values := *change.ResourceRecordSet.Name, []string{}
		for _, r := range change.ResourceRecordSet.ResourceRecords {
			values = append(values, strings.Trim(*r.Value, `"`))
		}
		name = strings.TrimSuffix(name, ".")
		z.Changes = append(z.Changes, string(change.Action)+" "+name+" "+strings.Join(values, " "))
		if change.Action == types.ChangeActionDelete {
			delete(zone.Texts, name)
		} else {
			zone.Texts[name] = values
		}
	}
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: &types.ChangeInfo{}}, nil
}
