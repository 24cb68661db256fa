package front

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/wire"
)

// STS is the door's own: forwarded as root, it would speak of root.
func (d *Door) sts() wire.Operations {
	return wire.Operations{
		"GetCallerIdentity": wire.Op(getCallerIdentity),
		"AssumeRole":        wire.Op(d.assumeRole),
	}
}

func getCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := wire.CallerOf(ctx)
	user := c.Account
	if c.Role != "" {
		user = roleID(c.Role) + c.ARN[strings.LastIndex(c.ARN, "/"):]
		user = strings.Replace(user, "/", ":", 1)
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String(c.Account), Arn: aws.String(c.ARN), UserId: aws.String(user)}, nil
}

// assumeRole gives a session of any role that exists; its trust policy is not asked. A role that does not exist is refused
// as one that does not trust (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html).
func (d *Door) assumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	role, session := aws.ToString(in.RoleArn), aws.ToString(in.RoleSessionName)
	c := identity.Credentials(role, session)
	assumed, ok := identity.Caller(c)
	exists := false
	if ok {
		var err error
		if exists, err = d.roleExists(ctx, assumed); err != nil {
			return nil, err
		}
	}
	if !exists {
		return nil, &wire.Error{Code: "AccessDenied", Status: http.StatusForbidden,
			Message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", wire.CallerOf(ctx).ARN, role)}
	}
	lifetime := time.Hour
	if in.DurationSeconds != nil {
		lifetime = time.Duration(*in.DurationSeconds) * time.Second
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(assumed.ARN), AssumedRoleId: aws.String(roleID(role) + ":" + session)},
		Credentials: &types.Credentials{
			AccessKeyId: aws.String(c.AccessKeyID), SecretAccessKey: aws.String(c.SecretAccessKey),
			SessionToken: aws.String(c.SessionToken), Expiration: aws.Time(time.Now().Add(lifetime)),
		},
	}, nil
}

// roleID is a role's unique id: AROA and something that stays the same for the role.
func roleID(role string) string {
	return "AROA" + strings.TrimPrefix(identity.Credentials(role, "").AccessKeyID, "ASIA")
}

func (d *Door) roleExists(ctx context.Context, c wire.Caller) (bool, error) {
	form := url.Values{"Action": {"GetRole"}, "Version": {"2010-05-08"}, "RoleName": {c.Role[strings.LastIndex(c.Role, "/")+1:]}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.backend.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.Account+"/20260101/us-east-1/iam/aws4_request")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, fmt.Errorf("get role %s: %w", c.Role, err)
	}
	return answer.StatusCode == http.StatusOK, answer.Body.Close()
}
