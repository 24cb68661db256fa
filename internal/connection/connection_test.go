package connection

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/registry"
)

func TestStates(t *testing.T) {
	for answered, row := range map[string]struct {
		state                         string
		accepted, live, refused, over bool
	}{
		"pendingAcceptance":                  {state: PendingAcceptance, live: true},
		string(types.StatePendingAcceptance): {state: PendingAcceptance, live: true},
		"pending":                            {state: Pending, accepted: true, live: true},
		"available":                          {state: Available, accepted: true, live: true},
		string(types.StateAvailable):         {state: Available, accepted: true, live: true},
		"rejected":                           {state: Rejected, refused: true},
		"failed":                             {state: Failed, refused: true},
		"expired":                            {state: Expired, refused: true},
		"deleting":                           {state: Deleting, over: true},
		"deleted":                            {state: Deleted, over: true},
		"partial":                            {state: Partial, accepted: true, live: true},
		"a state that AWS invents later":     {state: "a state that AWS invents later", live: true},
	} {
		t.Run(answered, func(t *testing.T) {
			c := from(types.VpcEndpointConnection{VpcEndpointState: types.State(answered)})
			if c.State != row.state || c.Accepted() != row.accepted || c.Live() != row.live || c.Refused() != row.refused ||
				c.Over() != row.over {
				t.Errorf("%+v: accepted %t, live %t, refused %t, over %t", c, c.Accepted(), c.Live(), c.Refused(), c.Over())
			}
		})
	}
}

// A state that the SDK learns has to be judged here.
func TestEveryStateOfTheSDKIsJudged(t *testing.T) {
	for _, state := range types.State("").Values() {
		c := from(types.VpcEndpointConnection{VpcEndpointState: state})
		if judged := c.State == PendingAcceptance || c.Accepted() || c.Refused() || c.Over(); !judged || !c.Known() {
			t.Errorf("nothing says what %s is", state)
		}
	}
	if (Connection{State: "meditating"}).Known() {
		t.Error("a state that nobody knows is known")
	}
}

func TestEveryPageIsReadAndTheOldestComesFirst(t *testing.T) {
	var ec2 pages
	for _, age := range []int{3, 1, 2} {
		ec2 = append(ec2, types.VpcEndpointConnection{
			ServiceId: aws.String("vpce-svc-1"), VpcEndpointId: aws.String("vpce-" + strconv.Itoa(age)),
			CreationTimestamp: aws.Time(time.Unix(int64(-age), 0)),
		})
	}
	found, err := To(t.Context(), ec2, "vpce-svc-1")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range found {
		ids = append(ids, c.VPCEndpointID)
	}
	if want := []string{"vpce-3", "vpce-2", "vpce-1"}; !slices.Equal(ids, want) {
		t.Errorf("found %q, want %q", ids, want)
	}
}

func TestExpected(t *testing.T) {
	const service, role = "firehose.amazonaws.com", "arn:aws:iam::111122223333:role/loader"
	for name, row := range map[string]struct {
		vendor                       string
		accounts, former, principals []string
		want                         bool
	}{
		"a named account":                     {accounts: []string{"111122223333", "133737826969"}, want: true},
		"a stranger":                          {accounts: []string{"111122223333"}, principals: []string{role}},
		"whoever the AWS service connects as": {principals: []string{service}, want: true},
		"the same, beside an account":         {accounts: []string{"111122223333"}, principals: []string{role, service}, want: true},
		"an account that a service replaced":  {former: []string{"133737826969"}, principals: []string{service}},
		"an account that is named again":      {accounts: []string{"133737826969"}, former: []string{"133737826969"}, want: true},
		"before step 6 has run":               {want: true},
		"before the vendor has told whom":     {vendor: "materialize"},
		"an account that it has just told":    {vendor: "materialize", accounts: []string{"133737826969"}, want: true},
		"a stranger, after it has told":       {vendor: "materialize", accounts: []string{"111122223333"}, principals: []string{role}},
	} {
		t.Run(name, func(t *testing.T) {
			exposure := registry.Exposure{Vendor: row.vendor, Accounts: row.accounts, Made: registry.Made{FormerAccounts: row.former, Principals: row.principals}}
			if got := Expected(exposure, "133737826969"); got != row.want {
				t.Errorf("expected %t", got)
			}
		})
	}
}

func TestAccountsOfPrincipals(t *testing.T) {
	got := Accounts([]string{
		"arn:aws:iam::444455556666:user/ann", "firehose.amazonaws.com", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/loader", "*",
	})
	if want := []string{"111122223333", "444455556666"}; !slices.Equal(got, want) {
		t.Errorf("accounts %q, want %q", got, want)
	}
}

// pages answers with one connection a page.
type pages []types.VpcEndpointConnection

func (p pages) DescribeVpcEndpointConnections(_ context.Context, in *ec2.DescribeVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	at, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &ec2.DescribeVpcEndpointConnectionsOutput{VpcEndpointConnections: p[at : at+1]}
	if at+1 < len(p) {
		out.NextToken = aws.String(strconv.Itoa(at + 1))
	}
	return out, nil
}
