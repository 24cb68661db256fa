package access

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/iam"
)

// The actions on whose resource the sources disagree. Who finds another puts it here, with its readings.
func TestDisputed(t *testing.T) {
	want := []string{"ec2:GetSecurityGroupsForVpc", "servicequotas:GetServiceQuota", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes",
		"sns:Unsubscribe", "vpce:AllowMultiRegion"}
	if got := slices.Sorted(maps.Keys(disputed)); !slices.Equal(got, want) {
		t.Errorf("disputed are %v, want %v", got, want)
	}
	for action, readings := range disputed {
		for _, r := range readings {
			if r.source == "" || strings.Contains(r.source, " ") && !strings.Contains(r.source, ": ") {
				t.Errorf("%s: %q is no source", action, r.source)
			}
		}
		q := asking(action, object{"SubscriptionArn": "arn:aws:sns:eu-central-1:111122223333:t:1", "ServiceCode": "vpc", "QuotaCode": "L-1"})
		for _, n := range q.readings(action, "") {
			if n.resource == "*" {
				continue
			}
			if a, _ := iam.Lookup(action); len(a.Resources) > 0 {
				if _, fits := a.ResourceType(n.resource); !fits {
					t.Errorf("%s: %s is none of its types", action, n.resource)
				}
			}
			if allows(t, n, n.resource) != allows(t, n, "*") || allows(t, n, n.resource+"x") {
				t.Errorf("%s on %s is not judged by its resource", action, n.resource)
			}
		}
		needs := q.readings(action, "")
		if last := needs[len(needs)-1]; !last.everywhere || allows(t, last, needs[0].resource) || !allows(t, last, "*") {
			t.Errorf("%s: the strictest reading is %+v", action, last)
		}
	}
}

// allows says whether a policy for a resource satisfies a need.
func allows(t *testing.T, n need, resource string) bool {
	t.Helper()
	p, err := iam.Parse(iam.Identity, "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+n.action+`","Resource":"`+resource+`"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	d, err := iam.Evaluate(iam.Request{
		Principal: iam.Principal{Account: "111122223333", ARN: session(role), Role: role},
		Action:    n.action, Resource: n.resource, Everywhere: n.everywhere, Context: iam.Context{},
	}, iam.Policies{Identity: []*iam.Policy{p}})
	if err != nil {
		t.Fatal(err)
	}
	return d.Allowed
}

// Code that is read from a bucket with a customer's key is decrypted by who reads it, through S3 and for that object.
func TestABucketsKeyIsNeededToo(t *testing.T) {
	for name, row := range map[string]struct{ encryption, context string }{
		"a customer's key": {`<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>1</KMSMasterKeyID>`, "arn:aws:s3:::assets/code.zip"},
		"its data keys":    {`<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>1</KMSMasterKeyID>!`, "arn:aws:s3:::assets"},
		"AWS's key":        {`<SSEAlgorithm>aws:kms</SSEAlgorithm>`, ""},
		"S3's":             {`<SSEAlgorithm>AES256</SSEAlgorithm>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery != "encryption" {
					_, _ = w.Write([]byte(`{"KeyMetadata":{"KeyId":"1","Arn":"arn:aws:kms:eu-central-1:111122223333:key/1"}}`))
					return
				}
				rule, keys := strings.CutSuffix(row.encryption, "!")
				_, _ = w.Write([]byte(`<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault>` +
					rule + `</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>` + map[bool]string{true: "true", false: "false"}[keys] + `</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`))
			}))
			defer server.Close()
			q := asking("lambda:UpdateFunctionCode", object{"S3Bucket": "assets", "S3Key": "code.zip"})
			q.ctx = t.Context()
			q.documents = newDocuments(func(account string) aws.Config {
				return identity.Config(server.URL, "eu-central-1", identity.Root(account))
			})
			needs := q.besides(q.operation())
			if needs[0].action != "s3:GetObject" || needs[0].resource != "arn:aws:s3:::assets/code.zip" || len(needs) > 1 != (row.context != "") {
				t.Fatalf("needs %+v", needs)
			}
			if row.context == "" {
				return
			}
			n := needs[1]
			if n.action != "kms:Decrypt" || n.resource != "arn:aws:kms:eu-central-1:111122223333:key/1" || n.keys[s3Context][0] != row.context ||
				n.keys["kms:ViaService"][0] != "s3.eu-central-1.amazonaws.com" {
				t.Errorf("needs %+v, with context %s", n, row.context)
			}
		})
	}
}
