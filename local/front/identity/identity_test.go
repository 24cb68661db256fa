package identity_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/wire"
)

const role = "arn:aws:iam::111122223333:role/service-role/ip-sync"

func TestWhoSignedIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		credentials aws.Credentials
		caller      wire.Caller
		code        string
	}{
		"an account's root": {identity.Root("133737826969"), wire.Caller{Account: "133737826969", ARN: "arn:aws:iam::133737826969:root"}, ""},
		"a role's session": {identity.Credentials(role, "orders"),
			wire.Caller{Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/ip-sync/orders", Role: role}, ""},
		"a key that nobody gave out": {aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}, wire.Caller{}, "InvalidClientTokenId"},
	} {
		t.Run(name, func(t *testing.T) {
			header, query := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRequest(http.MethodGet, "/", nil)
			signer := v4.NewSigner()
			if err := signer.SignHTTP(context.Background(), c.credentials, header, "", "ec2", "eu-central-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			url, _, err := signer.PresignHTTP(context.Background(), c.credentials, query, "", "ec2", "eu-central-1", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []struct {
				how string
				is  func() (wire.Caller, string, error)
			}{
				{"header", func() (wire.Caller, string, error) { return identity.Read(header) }},
				{"query", func() (wire.Caller, string, error) {
					return identity.Read(httptest.NewRequest(http.MethodGet, url, nil))
				}},
			} {
				caller, service, err := r.is()
				if want := c.caller; want.Account != "" {
					want.Region = "eu-central-1"
					c.caller = want
				}
				if caller != c.caller || service != "ec2" || code(err) != c.code {
					t.Errorf("%s: read %+v for %q, error %v", r.how, caller, service, err)
				}
			}
		})
	}
}

func TestAForwardedRequestIsRoots(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	if err := v4.NewSigner().SignHTTP(context.Background(), identity.Credentials(role, "orders"), r, "", "sns", "eu-central-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	identity.AsRoot(r, "111122223333")
	caller, service, err := identity.Read(r)
	if err != nil || caller.ARN != "arn:aws:iam::111122223333:root" || service != "sns" {
		t.Errorf("read %+v for %q, error %v", caller, service, err)
	}
}

func TestAnUnsignedRequestIsNobodys(t *testing.T) {
	if _, _, err := identity.Read(httptest.NewRequest(http.MethodGet, "/", nil)); code(err) != "MissingAuthenticationToken" {
		t.Error(err)
	}
}

func code(err error) string {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Code
	}
	return ""
}
