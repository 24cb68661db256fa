package preflight

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

const (
	roleARN     = "arn:aws:iam::111122223333:role/team/ip-sync"
	boundaryARN = "arn:aws:iam::111122223333:policy/boundary"
	keyARN      = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"
)

// fakeAccount has a role, a policy and a key.
type fakeAccount struct {
	trust, role, boundary string
	key                   *kmstypes.KeyMetadata
	keyPolicy             string
	denied                bool
}

func newAccount() *fakeAccount {
	return &fakeAccount{
		trust:    `{"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`,
		role:     roleARN,
		boundary: boundaryARN,
		key: &kmstypes.KeyMetadata{KeyState: kmstypes.KeyStateEnabled, KeyUsage: kmstypes.KeyUsageTypeEncryptDecrypt,
			KeySpec: kmstypes.KeySpecSymmetricDefault, KeyManager: kmstypes.KeyManagerTypeCustomer},
		keyPolicy: `{"Statement": [
			{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*"},
			{"Effect": "Allow", "Principal": {"Service": ["vpce.amazonaws.com", "dynamodb.amazonaws.com"]}, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"]}]}`,
	}
}

var errDenied = &smithy.GenericAPIError{Code: "AccessDenied", Message: "you may not look"}

func (f *fakeAccount) GetRole(_ context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	switch {
	case f.denied:
		return nil, errDenied
	case !strings.HasSuffix(f.role, "/"+*in.RoleName):
		return nil, &types.NoSuchEntityException{}
	}
	return &iam.GetRoleOutput{Role: &types.Role{Arn: &f.role, AssumeRolePolicyDocument: aws.String(url.QueryEscape(f.trust))}}, nil
}

func (f *fakeAccount) GetPolicy(_ context.Context, in *iam.GetPolicyInput, _ ...func(*iam.Options)) (*iam.GetPolicyOutput, error) {
	switch {
	case f.denied:
		return nil, errDenied
	case f.boundary != *in.PolicyArn:
		return nil, &types.NoSuchEntityException{}
	}
	return &iam.GetPolicyOutput{}, nil
}

func (f *fakeAccount) DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	switch {
	case f.denied:
		return nil, errDenied
	case f.key == nil:
		return nil, &kmstypes.NotFoundException{}
	}
	return &kms.DescribeKeyOutput{KeyMetadata: f.key}, nil
}

func (f *fakeAccount) GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error) {
	switch {
	case f.denied:
		return nil, errDenied
	case f.key == nil:
		return nil, &kmstypes.NotFoundException{}
	}
	return &kms.GetKeyPolicyOutput{Policy: &f.keyPolicy}, nil
}

func TestCheck(t *testing.T) {
	given := Given{PermissionsBoundary: boundaryARN, Key: keyARN, Roles: []Role{{Name: "ip-sync", ARN: roleARN, Service: "lambda.amazonaws.com"}}}
	for name, row := range map[string]struct {
		change func(*fakeAccount)
		want   []string // each a part of the error; none: nothing is wrong
	}{
		"everything is there": {func(*fakeAccount) {}, nil},
		"a role that does not exist": {func(f *fakeAccount) { f.role = "arn:aws:iam::111122223333:role/team/other" },
			[]string{"context roles: ip-sync: role " + roleARN + " does not exist: make it"}},
		"a role on another path": {func(f *fakeAccount) { f.role = "arn:aws:iam::111122223333:role/ip-sync" },
			[]string{"does not exist; there is arn:aws:iam::111122223333:role/ip-sync"}},
		"a role that trusts another service":         {func(f *fakeAccount) { f.trust = strings.Replace(f.trust, "lambda", "ec2", 1) }, []string{"does not trust lambda.amazonaws.com"}},
		"a role that lets the service do other work": {func(f *fakeAccount) { f.trust = strings.Replace(f.trust, "AssumeRole", "TagSession", 1) }, []string{"does not trust lambda.amazonaws.com"}},
		"a role that denies the service":             {func(f *fakeAccount) { f.trust = strings.Replace(f.trust, "Allow", "Deny", 1) }, []string{"does not trust lambda.amazonaws.com"}},
		"a role that trusts people": {func(f *fakeAccount) { f.trust = `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}}` },
			[]string{"does not trust lambda.amazonaws.com"}},
		"a boundary that does not exist": {func(f *fakeAccount) { f.boundary = "" }, []string{"context permissionsBoundary: policy " + boundaryARN + " does not exist"}},
		"a key that does not exist":      {func(f *fakeAccount) { f.key = nil }, []string{"context key: " + keyARN + " does not exist"}},
		"a key that is to be deleted":    {func(f *fakeAccount) { f.key.KeyState = kmstypes.KeyStatePendingDeletion }, []string{"is PendingDeletion"}},
		"a key for signatures":           {func(f *fakeAccount) { f.key.KeyUsage = kmstypes.KeyUsageTypeSignVerify }, []string{"SIGN_VERIFY"}},
		"a key whose policy forgets services": {func(f *fakeAccount) { f.keyPolicy = `{"Statement": []}` }, []string{
			"does not let vpce.amazonaws.com do kms:Decrypt", "does not let vpce.amazonaws.com do kms:GenerateDataKey"}},
		"a key's policy that lets services decrypt only": {func(f *fakeAccount) { f.keyPolicy = strings.ReplaceAll(f.keyPolicy, "GenerateDataKey*", "Encrypt") },
			[]string{"does not let vpce.amazonaws.com do kms:GenerateDataKey"}},
		"several things at once": {func(f *fakeAccount) { f.role, f.boundary = "arn:aws:iam::111122223333:role/x", "" },
			[]string{"context roles: ip-sync", "context permissionsBoundary"}},
	} {
		t.Run(name, func(t *testing.T) {
			account := newAccount()
			row.change(account)
			unseen, err := Checker{account, account}.Check(t.Context(), given)
			if len(unseen) > 0 || (err == nil) != (row.want == nil) {
				t.Fatalf("unseen %v, error %v", unseen, err)
			}
			for _, part := range row.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
}

func TestWhatTheDeployerMayNotLookAtIsNoReasonToStop(t *testing.T) {
	account := newAccount()
	account.denied = true
	unseen, err := Checker{account, account}.Check(t.Context(), Given{PermissionsBoundary: boundaryARN, Key: keyARN, Roles: []Role{{Name: "ip-sync", ARN: roleARN}}})
	if err != nil || len(unseen) != 4 {
		t.Errorf("unseen %v, error %v", unseen, err)
	}
}

func TestGivenIsReadAsItWasWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), File)
	if none, err := Read(file); err != nil || len(none.Roles) > 0 {
		t.Errorf("no file is read as %+v, %v", none, err)
	}
	given := Given{Key: keyARN, Roles: []Role{{"ip-sync", roleARN, "lambda.amazonaws.com"}}}
	if err := given.Write(file); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(file); err != nil || read.Key != keyARN || len(read.Roles) != 1 || read.Roles[0] != given.Roles[0] {
		t.Errorf("read %+v, %v", read, err)
	}
}
