// Package hostedzone keeps a TXT record in the public hosted zone of Route 53 that a domain name is in, if the account has
// it.
package hostedzone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// Finder finds zones and records.
type Finder interface {
	ListHostedZonesByName(context.Context, *route53.ListHostedZonesByNameInput, ...func(*route53.Options)) (*route53.ListHostedZonesByNameOutput, error)
	Lister
}

// Lister tells the records of a zone.
type Lister interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
}

// Changer changes them.
type Changer interface {
	Lister
	ChangeResourceRecordSets(context.Context, *route53.ChangeResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error)
}

// Zone is a public hosted zone. Its name has no final dot.
type Zone struct{ ID, Name string }

// sharing is how many zones of one name are looked at; there is rarely more than a public and a private one.
const sharing = 20

// Of is the account's public zone that a name lies in: the one with the longest name. Of several public zones of that name
// the domain is delegated to one, and Route 53 does not tell to which: then none is found.
func Of(ctx context.Context, api Finder, name string) (zone Zone, found bool, err error) {
	for domain := name; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		// The list begins with that name, or with the next one if there is no such zone.
		out, err := api.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: &domain, MaxItems: aws.Int32(sharing)})
		if err != nil {
			return Zone{}, false, fmt.Errorf("list hosted zones named %s: %w", domain, err)
		}
		var public []Zone
		for _, z := range out.HostedZones {
			if plain(z.Name) == domain && (z.Config == nil || !z.Config.PrivateZone) {
				public = append(public, Zone{strings.TrimPrefix(aws.ToString(z.Id), "/hostedzone/"), domain})
			}
		}
		if len(public) > 0 {
			return public[0], len(public) == 1, nil
		}
	}
	return Zone{}, false, nil
}

func plain(name *string) string { return strings.ToLower(strings.TrimSuffix(aws.ToString(name), ".")) }

// TXT is a TXT record with one value, as AWS wants it for the proof of a domain: for half an hour
// (docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html, "Add a TXT record to your domain's DNS server").
type TXT struct{ ZoneID, Name, Value string }

const ttlSeconds = 1800

func (r TXT) set() *types.ResourceRecordSet {
	return &types.ResourceRecordSet{
		Name: &r.Name, Type: types.RRTypeTxt, TTL: aws.Int64(ttlSeconds),
		ResourceRecords: []types.ResourceRecord{{Value: aws.String(`"` + r.Value + `"`)}},
	}
}

// find is what the zone has in the record's place; nil, where it has nothing, or is gone.
func (r TXT) find(ctx context.Context, api Lister) (*types.ResourceRecordSet, error) {
	out, err := api.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{
		HostedZoneId: &r.ZoneID, StartRecordName: &r.Name, StartRecordType: types.RRTypeTxt, MaxItems: aws.Int32(1),
	})
	if _, gone := errors.AsType[*types.NoSuchHostedZone](err); gone {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list records of hosted zone %s: %w", r.ZoneID, err)
	}
	for _, set := range out.ResourceRecordSets {
		if plain(set.Name) == r.Name && set.Type == types.RRTypeTxt {
			return &set, nil
		}
	}
	return nil, nil
}

// There says whether the zone has the record, whatever other values stand beside its own.
func (r TXT) There(ctx context.Context, api Lister) (bool, error) {
	set, err := r.find(ctx, api)
	return set != nil && has(*set, r.Value), err
}

func has(set types.ResourceRecordSet, value string) bool {
	for _, v := range set.ResourceRecords {
		if strings.Trim(aws.ToString(v.Value), `"`) == value {
			return true
		}
	}
	return false
}

// Make makes the record. Its name is the service's alone: AWS has drawn it by lot.
func (r TXT) Make(ctx context.Context, api Changer) error {
	slog.InfoContext(ctx, "make TXT record", "hostedZoneId", r.ZoneID, "name", r.Name, "value", r.Value)
	return r.change(ctx, api, types.ChangeActionUpsert, r.set())
}

// Delete deletes the record, if it is there yet and nobody has added to it, and says why it stays where it does.
func (r TXT) Delete(ctx context.Context, api Changer) (why string, err error) {
	set, err := r.find(ctx, api)
	if err != nil || set == nil {
		return "", err
	}
	if len(set.ResourceRecords) != 1 || !has(*set, r.Value) {
		slog.WarnContext(ctx, "TXT record is not as it was made, and stays", "hostedZoneId", r.ZoneID, "name", r.Name)
		return fmt.Sprintf("somebody has changed it in hosted zone %s, where it was made with the value %s alone: "+
			"delete it there if nobody needs it", r.ZoneID, r.Value), nil
	}
	slog.InfoContext(ctx, "delete TXT record", "hostedZoneId", r.ZoneID, "name", r.Name)
	return "", r.change(ctx, api, types.ChangeActionDelete, set)
}

func (r TXT) change(ctx context.Context, api Changer, action types.ChangeAction, set *types.ResourceRecordSet) error {
	_, err := api.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &r.ZoneID,
		ChangeBatch:  &types.ChangeBatch{Changes: []types.Change{{Action: action, ResourceRecordSet: set}}},
	})
	if err != nil {
		return fmt.Errorf("%s TXT record %s in hosted zone %s: %w", strings.ToLower(string(action)), r.Name, r.ZoneID, err)
	}
	return nil
}
