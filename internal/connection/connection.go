// Package connection describes consumers' connections to our endpoint services: what the observer sees of them, and what the
// decision function judges by.
package connection

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/vendor"
)

// The states of a connection as PrivateLink's answers spell them. The SDK's constants begin with a capital letter and the
// answers do not (concepts in the PrivateLink guide), so everything outside this package compares with these.
const (
	PendingAcceptance = "pendingAcceptance"
	Pending           = "pending" // accepted, and on its way to available
	Available         = "available"
	Deleting          = "deleting"
	Deleted           = "deleted"
	Rejected          = "rejected"
	Failed            = "failed"
	Expired           = "expired"
	Partial           = "partial" // connected in some of the consumer's zones; no page says more
)

var states = []string{PendingAcceptance, Pending, Available, Deleting, Deleted, Rejected, Failed, Expired, Partial}

// Connection is one consumer's endpoint at one of our services.
type Connection struct {
	ServiceID     string
	VPCEndpointID string
	Owner         string // the account of the endpoint
	State         string
	Created       time.Time
}

// API is the describe that everything here rests on: the body of a connection notification is not documented.
type API interface {
	DescribeVpcEndpointConnections(context.Context, *ec2.DescribeVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error)
}

// To lists the connections to one endpoint service, the oldest first.
func To(ctx context.Context, api API, serviceID string) ([]Connection, error) {
	all, err := list(ctx, api, types.Filter{Name: aws.String("service-id"), Values: []string{serviceID}})
	if err != nil {
		return nil, fmt.Errorf("describe connections of endpoint service %s: %w", serviceID, err)
	}
	return all, nil
}

// All lists the connections to every endpoint service of the account, in one paged call: EC2 throttles PrivateLink per
// account and per organization.
func All(ctx context.Context, api API) ([]Connection, error) {
	all, err := list(ctx, api)
	if err != nil {
		return nil, fmt.Errorf("describe connections: %w", err)
	}
	return all, nil
}

func list(ctx context.Context, api API, filters ...types.Filter) ([]Connection, error) {
	var all []Connection
	pages := ec2.NewDescribeVpcEndpointConnectionsPaginator(api, &ec2.DescribeVpcEndpointConnectionsInput{Filters: filters})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, found := range page.VpcEndpointConnections {
			all = append(all, from(found))
		}
	}
	slices.SortStableFunc(all, func(a, b Connection) int { return a.Created.Compare(b.Created) })
	return all, nil
}

func from(found types.VpcEndpointConnection) Connection {
	return Connection{
		ServiceID:     aws.ToString(found.ServiceId),
		VPCEndpointID: aws.ToString(found.VpcEndpointId),
		Owner:         aws.ToString(found.VpcEndpointOwner),
		State:         spelled(string(found.VpcEndpointState)),
		Created:       aws.ToTime(found.CreationTimestamp),
	}
}

func spelled(state string) string {
	for _, known := range states {
		if strings.EqualFold(state, known) {
			return known
		}
	}
	return state
}

// Known tells a connection in a state that this package has a word for. Any other is logged and told, and taken neither for
// a connection nor for a refusal.
func (c Connection) Known() bool { return slices.Contains(states, c.State) }

// Connected tells a connection that carries data.
func (c Connection) Connected() bool { return c.State == Available || c.State == Partial }

// Accepted tells a connection that someone has let in.
func (c Connection) Accepted() bool { return c.State == Pending || c.Connected() }

// Live tells a connection that carries data, or may come to, as far as one knows.
func (c Connection) Live() bool { return c.State == PendingAcceptance || c.Accepted() || !c.Known() }

// Refused tells a connection that comes to nothing unless the consumer makes another.
func (c Connection) Refused() bool {
	return c.State == Rejected || c.State == Failed || c.State == Expired
}

// Over tells a connection that the consumer has taken away.
func (c Connection) Over() bool { return c.State == Deleting || c.State == Deleted }

// ExpectedAccount is the acceptance mode in which a request of an expected account is accepted without a person.
const ExpectedAccount = "expected-account"

// What becomes of connections whose account is not expected any more: the operators are told of them, or they are rejected.
const (
	TellRemoved   = "tell"
	RejectRemoved = "reject"
)

// Expected reports whether a connection of the account owner is one that the exposure is made for. An endpoint's owner is an
// account, whatever principal of it has made the endpoint. AWS does not say from which account an AWS service connects:
// where one is a principal, everyone whom the principals let in is expected, but for accounts that the input named once and
// names no more. Nobody is accepted there without a person's word.
func Expected(exposure registry.Exposure, owner string) bool {
	switch {
	case slices.Contains(exposure.Accounts, owner):
		return true
	case slices.Contains(exposure.FormerAccounts, owner), AllowsNobody(exposure):
		return false
	}
	return len(exposure.Accounts) == 0 || slices.ContainsFunc(exposure.Principals, service)
}

// AllowsNobody tells an exposure whose vendor has yet to tell its principals: nobody may ask for a connection.
func AllowsNobody(exposure registry.Exposure) bool {
	preset, _ := vendor.Find(exposure.Vendor)
	return preset.Later && len(exposure.Principals) == 0
}

func service(principal string) bool { return Account(principal) == "" }

// Account is the account of a principal, "" for an AWS service, which is of none.
func Account(principal string) string {
	parsed, err := arn.Parse(principal)
	if err != nil {
		return ""
	}
	return parsed.AccountID
}

// Accounts are the accounts of principals, sorted.
func Accounts(principals []string) []string {
	var all []string
	for _, principal := range principals {
		if account := Account(principal); account != "" {
			all = append(all, account)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
