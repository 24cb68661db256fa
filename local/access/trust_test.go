package access

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// What was read of an account's roles is used again for a while, and a role that has been made meanwhile is not in it: also
// when somebody else's refusal has everything read anew while it is made.
func TestARoleMadeJustNowCanBeHandedOver(t *testing.T) {
	const ticker = "arn:aws:iam::111122223333:role/ticker"
	trust := url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	made, meanwhile := false, func() {}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		role := ""
		if made {
			role = `<member><Arn>` + ticker + `</Arn><RoleName>ticker</RoleName><AssumeRolePolicyDocument>` + trust + `</AssumeRolePolicyDocument></member>`
		}
		meanwhile()
		_, _ = w.Write([]byte(`<GetAccountAuthorizationDetailsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetAccountAuthorizationDetailsResult>` +
			`<RoleDetailList>` + role + `</RoleDetailList></GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>`))
	}))
	defer server.Close()
	ask := func() *question {
		q := asking("scheduler:CreateSchedule", object{"Name": "tick", "GroupName": "app", "Target": object{"RoleArn": ticker}})
		q.ctx = t.Context()
		q.documents = newDocuments(func(account string) aws.Config {
			return identity.Config(server.URL, "eu-central-1", identity.Root(account))
		})
		return q
	}
	q := ask()
	if err := q.trust(); err == nil || !strings.Contains(err.Error(), "must allow AWS EventBridge Scheduler to assume the role") {
		t.Errorf("a role that is not there: %v", err)
	}
	made = true
	if err := q.trust(); err != nil {
		t.Errorf("a role that was made meanwhile: %v", err)
	}
	made = false
	q = ask()
	meanwhile = func() { made = true; q.documents.forget(time.Now()) }
	if err := q.trust(); err != nil {
		t.Errorf("a role that was made while somebody else was refused: %v", err)
	}
}

// Who hangs up while its policies are read was not refused: what it may is not known.
func TestWhoHangsUpIsNotRefused(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hangUp()
		http.Error(w, "", http.StatusInternalServerError)
	}))
	defer server.Close()
	a := New(&model.World{Region: "eu-central-1"}, nil, nil, func(account string) aws.Config {
		return identity.Config(server.URL, "eu-central-1", identity.Root(account))
	})
	p, err := a.judge(ctx, wire.Caller{Account: "111122223333", Role: "arn:aws:iam::111122223333:role/app"}, need{action: "ec2:DescribeVpcs", resource: "*"})
	if err == nil || p.Refused != "" {
		t.Errorf("%v, refused: %q", err, p.Refused)
	}
	// Nor is it where others have read the policies, and what it needs was read in vain.
	a = New(&model.World{Region: "eu-central-1"}, nil, nil, nil)
	soon := time.Now().Add(time.Hour)
	a.documents.forgot, a.documents.accounts["111122223333"] = soon, &account{read: soon.Add(time.Second)}
	p, err = a.judge(ctx, wire.Caller{
		Account: "111122223333", Role: "arn:aws:iam::111122223333:role/app", ARN: "arn:aws:sts::111122223333:assumed-role/app/app",
	}, need{action: "ec2:DescribeVpcs", resource: "*"})
	if err == nil || p.Refused != "" {
		t.Errorf("%v, refused: %q", err, p.Refused)
	}
}
