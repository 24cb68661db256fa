package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

type rolesAPI interface {
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	GetPolicy(context.Context, *iam.GetPolicyInput, ...func(*iam.Options)) (*iam.GetPolicyOutput, error)
}

type keyAPI interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error)
}

// Checker looks things up with the deployer's credentials.
type Checker struct {
	Roles rolesAPI
	Keys  keyAPI
}

// publishers are the services that publish to an encrypted topic, and so use the key themselves.
var publishers = []string{"vpce.amazonaws.com"}

// Check returns what is wrong with what was given, all of it at once. unseen is what the deployer may not look at:
// that is no reason to stop.
func (c Checker) Check(ctx context.Context, g Given) (unseen []string, err error) {
	var wrong []error
	note := func(err error) {
		_, denied := outcome.Denied(err)
		switch {
		case err == nil:
		case denied:
			unseen = append(unseen, err.Error())
		default:
			wrong = append(wrong, err)
		}
	}
	for _, role := range g.Roles {
		note(c.role(ctx, role))
	}
	if g.PermissionsBoundary != "" {
		note(c.boundary(ctx, g.PermissionsBoundary))
	}
	if g.Key != "" {
		note(c.key(ctx, g.Key))
		note(c.keyPolicy(ctx, g.Key))
	}
	return unseen, errors.Join(wrong...)
}

func (c Checker) role(ctx context.Context, role Role) error {
	name := role.ARN[strings.LastIndex(role.ARN, "/")+1:]
	out, err := c.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if _, missing := errors.AsType[*types.NoSuchEntityException](err); missing {
		return fmt.Errorf("context roles: %s: role %s does not exist: make it, with what `make roles` prints", role.Name, role.ARN)
	}
	if err != nil {
		return fmt.Errorf("get role %s: %w", name, err)
	}
	// IAM looks roles up by name, whatever their path.
	if found := aws.ToString(out.Role.Arn); found != role.ARN {
		return fmt.Errorf("context roles: %s: role %s does not exist; there is %s", role.Name, role.ARN, found)
	}
	trust, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return fmt.Errorf("read trust of role %s: %w", name, err)
	}
	trusts, err := lets(trust, role.Service, "sts:AssumeRole")
	if err != nil {
		return fmt.Errorf("read trust of role %s: %w", name, err)
	}
	if !trusts {
		return fmt.Errorf("context roles: %s: role %s does not trust %s: let it do sts:AssumeRole in the role's trust policy",
			role.Name, role.ARN, role.Service)
	}
	return nil
}

func (c Checker) boundary(ctx context.Context, arn string) error {
	_, err := c.Roles.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if _, missing := errors.AsType[*types.NoSuchEntityException](err); missing {
		return fmt.Errorf("context permissionsBoundary: policy %s does not exist", arn)
	}
	if err != nil {
		return fmt.Errorf("get policy %s: %w", arn, err)
	}
	return nil
}

func (c Checker) key(ctx context.Context, arn string) error {
	out, err := c.Keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	if _, missing := errors.AsType[*kmstypes.NotFoundException](err); missing {
		return fmt.Errorf("context key: %s does not exist", arn)
	}
	if err != nil {
		return fmt.Errorf("describe key %s: %w", arn, err)
	}
	k := out.KeyMetadata
	if k.KeyState != kmstypes.KeyStateEnabled || k.KeyUsage != kmstypes.KeyUsageTypeEncryptDecrypt ||
		k.KeySpec != kmstypes.KeySpecSymmetricDefault || k.KeyManager != kmstypes.KeyManagerTypeCustomer {
		return fmt.Errorf("context key: %s is %s, %s, %s, managed by %s: DynamoDB and SNS need one that is %s, %s, %s, managed by %s", arn,
			k.KeyState, k.KeyUsage, k.KeySpec, k.KeyManager,
			kmstypes.KeyStateEnabled, kmstypes.KeyUsageTypeEncryptDecrypt, kmstypes.KeySpecSymmetricDefault, kmstypes.KeyManagerTypeCustomer)
	}
	return nil
}

func (c Checker) keyPolicy(ctx context.Context, arn string) error {
	out, err := c.Keys.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &arn, PolicyName: aws.String("default")})
	if _, missing := errors.AsType[*kmstypes.NotFoundException](err); missing {
		return nil // key says so
	}
	if err != nil {
		return fmt.Errorf("get policy of key %s: %w", arn, err)
	}
	var wrong []error
	for _, service := range publishers {
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
			may, err := lets(aws.ToString(out.Policy), service, action)
			if err != nil {
				return fmt.Errorf("read policy of key %s: %w", arn, err)
			}
			if !may {
				wrong = append(wrong,
					fmt.Errorf("context key: the policy of %s does not let %s do %s, so its messages would be lost: "+
						"add the statements that `make roles` prints", arn, service, action))
			}
		}
	}
	return errors.Join(wrong...)
}
