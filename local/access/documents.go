package access

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cloudwatchlogstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/local/iam"
	"github.com/rdslink/rdslink/local/model"
)

// fresh is for how long what was read counts as current, unless a request is refused by it: IAM, too, takes some seconds
// until a change is everywhere
// (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
const fresh = 10 * time.Second

// documents reads policies and what else decisions go by from MiniStack's records.
type documents struct {
	records func(account string) aws.Config

	reading  sync.Mutex // one reads, the others wait for what it has read
	mu       sync.Mutex
	forgot   time.Time
	accounts map[string]*account
	answers  map[string]answer
	parsed   map[string]parsed
}

type answer struct {
	text string
	read time.Time
}

type parsed struct {
	policy *iam.Policy
	err    error
}

func newDocuments(records func(string) aws.Config) *documents {
	return &documents{records: records, accounts: map[string]*account{}, answers: map[string]answer{}, parsed: map[string]parsed{}}
}

// account are an account's roles by ARN and managed policies by ARN.
type account struct {
	read     time.Time
	roles    map[string]types.RoleDetail
	policies map[string]string
}

// of are the policies that decide whether a principal may act on a resource.
func (d *documents) of(ctx context.Context, p iam.Principal, action, resource string) (iam.Policies, error) {
	var policies iam.Policies
	if p.Role != "" {
		var err error
		if policies, err = d.role(ctx, p.Role); err != nil {
			return policies, err
		}
	}
	text, kind, err := d.attached(ctx, action, resource)
	if err != nil || text == "" {
		return policies, err
	}
	policies.Resource, err = d.parse(kind, resource, text)
	// A key and a role are nobody's but for their own policy.
	policies.Sole = kind == iam.Trust || strings.HasPrefix(resource, "arn:aws:kms:")
	return policies, err
}

// role has the policies of a role: what is inline, what is attached, its boundary.
func (d *documents) role(ctx context.Context, arn string) (iam.Policies, error) {
	var policies iam.Policies
	a, err := d.account(ctx, model.AccountOf(arn))
	if err != nil {
		return policies, err
	}
	role, ok := a.roles[arn]
	if !ok {
		return policies, nil // a role that is gone may do nothing
	}
	add := func(name, text string) error {
		policy, err := d.parse(iam.Identity, aws.ToString(role.RoleName)+"/"+name, text)
		policies.Identity = append(policies.Identity, policy)
		return err
	}
	for _, inline := range role.RolePolicyList {
		if err := add(aws.ToString(inline.PolicyName), unescaped(inline.PolicyDocument)); err != nil {
			return policies, err
		}
	}
	for _, managed := range role.AttachedManagedPolicies {
		if err := add(aws.ToString(managed.PolicyName), a.policies[aws.ToString(managed.PolicyArn)]); err != nil {
			return policies, err
		}
	}
	boundary, err := d.boundary(ctx, arn)
	if err == nil && boundary != "" {
		policies.Boundary, err = d.parse(iam.Boundary, boundary, a.policies[boundary])
	}
	return policies, err
}

// boundary is the ARN of a role's permissions boundary, empty if it has none. MiniStack does not tell it
// with the account's roles.
func (d *documents) boundary(ctx context.Context, role string) (string, error) {
	return d.remembered("boundary of "+role, func() (string, error) {
		name := role[strings.LastIndex(role, "/")+1:]
		out, err := awsiam.NewFromConfig(d.records(model.AccountOf(role))).GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
		if err != nil || out.Role.PermissionsBoundary == nil {
			return "", err
		}
		return aws.ToString(out.Role.PermissionsBoundary.PermissionsBoundaryArn), nil
	})
}

func unescaped(document *string) string {
	text, err := url.QueryUnescape(aws.ToString(document))
	if err != nil {
		return aws.ToString(document)
	}
	return text
}

func (d *documents) account(ctx context.Context, id string) (*account, error) {
	known := func() *account {
		d.mu.Lock()
		defer d.mu.Unlock()
		if a := d.accounts[id]; a != nil && d.current(a.read) {
			return a
		}
		return nil
	}
	if a := known(); a != nil {
		return a, nil
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	if a := known(); a != nil {
		return a, nil
	}
	a := &account{read: time.Now(), roles: map[string]types.RoleDetail{}, policies: map[string]string{}}
	pages := awsiam.NewGetAccountAuthorizationDetailsPaginator(awsiam.NewFromConfig(d.records(id)),
		&awsiam.GetAccountAuthorizationDetailsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the roles of account %s: %w", id, err)
		}
		for _, role := range page.RoleDetailList {
			a.roles[aws.ToString(role.Arn)] = role
		}
		for _, policy := range page.Policies {
			for _, version := range policy.PolicyVersionList {
				if version.IsDefaultVersion {
					a.policies[aws.ToString(policy.Arn)] = unescaped(version.Document)
				}
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accounts[id] = a
	return a, nil
}

// forget makes everything be read anew, unless it has been since a time. Whoever was refused judges again in either case:
// what he was refused by may be older.
func (d *documents) forget(since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.forgot.After(since) {
		return
	}
	d.forgot = time.Now()
	clear(d.accounts)
	clear(d.answers)
}

// current says whether what began to be read then still counts: not what was under way when everything was forgotten.
func (d *documents) current(read time.Time) bool {
	return time.Since(read) < fresh && !read.Before(d.forgot)
}

// parse reads each document once.
func (d *documents) parse(kind iam.Kind, name, text string) (*iam.Policy, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := fmt.Sprint(kind, " ", name, " ", text)
	p, ok := d.parsed[key]
	if !ok {
		p.policy, p.err = iam.Parse(kind, name, text)
		d.parsed[key] = p
	}
	return p.policy, p.err
}

// remembered asks for something unless it has just been asked for.
func (d *documents) remembered(what string, ask func() (string, error)) (string, error) {
	known := func() (answer, bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		a, ok := d.answers[what]
		return a, ok && d.current(a.read)
	}
	if a, ok := known(); ok {
		return a.text, nil
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	if a, ok := known(); ok {
		return a.text, nil
	}
	begun := time.Now()
	text, err := ask()
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[what] = answer{text, begun}
	return text, nil
}

// tableKey is the key that encrypts a table; empty if it is AWS's own, or there is no such table.
func (d *documents) tableKey(ctx context.Context, account, table string) string {
	key, _ := d.remembered("key of table "+account+" "+table, func() (string, error) {
		out, err := dynamodb.NewFromConfig(d.records(account)).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
		if err != nil || out.Table.SSEDescription == nil {
			return "", err
		}
		return aws.ToString(out.Table.SSEDescription.KMSMasterKeyArn), nil
	})
	return key
}

// topicKey is the key that encrypts a topic; empty if none does, or there is no such topic.
func (d *documents) topicKey(ctx context.Context, topic string) string {
	key, _ := d.remembered("key of topic "+topic, func() (string, error) {
		config := d.records(model.AccountOf(topic))
		out, err := sns.NewFromConfig(config).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topic})
		if err != nil || out.Attributes["KmsMasterKeyId"] == "" {
			return "", err
		}
		return keyARN(ctx, config, out.Attributes["KmsMasterKeyId"])
	})
	return key
}

// bucketKey is the customer's key that encrypts a bucket's objects; empty if it is S3's or AWS's own, or there is no such
// bucket.
func (d *documents) bucketKey(ctx context.Context, account, bucket string) string {
	key, _ := d.remembered("key of bucket "+account+" "+bucket, func() (string, error) {
		config := d.records(account)
		e, err := bucketEncryption(ctx, config, bucket)
		if err != nil || e.Key == "" || e.Algorithm != "aws:kms" && e.Algorithm != "aws:kms:dsse" {
			return "", err
		}
		return keyARN(ctx, config, e.Key)
	})
	return key
}

// hasBucketKeys says whether S3 uses data keys of a bucket's own, and not one for each object.
func (d *documents) hasBucketKeys(ctx context.Context, account, bucket string) bool {
	has, _ := d.remembered("keys of bucket "+account+" "+bucket, func() (string, error) {
		e, err := bucketEncryption(ctx, d.records(account), bucket)
		return strconv.FormatBool(e.BucketKeys), err
	})
	return has == "true"
}

// encryption is the one rule of a bucket's default encryption.
type encryption struct {
	Algorithm  string `xml:"Rule>ApplyServerSideEncryptionByDefault>SSEAlgorithm"`
	Key        string `xml:"Rule>ApplyServerSideEncryptionByDefault>KMSMasterKeyID"`
	BucketKeys bool   `xml:"Rule>BucketKeyEnabled"`
}

// bucketEncryption asks for a bucket's default encryption, with the account as MiniStack reads it from a request.
func bucketEncryption(ctx context.Context, config aws.Config, bucket string) (e encryption, err error) {
	who, err := config.Credentials.Retrieve(ctx)
	if err != nil {
		return e, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, aws.ToString(config.BaseEndpoint)+"/"+bucket+"?encryption", nil)
	if err != nil {
		return e, err
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+who.AccessKeyID+"/20260101/"+config.Region+"/s3/aws4_request")
	answer, err := config.HTTPClient.Do(r)
	if err != nil {
		return e, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return e, fmt.Errorf("get encryption of bucket %s: %s", bucket, answer.Status)
	}
	return e, xml.NewDecoder(answer.Body).Decode(&e)
}

// function is a function's role, and the log group that it writes to. The role is empty if there is no such function.
func (d *documents) function(ctx context.Context, function string) (role, logGroup string) {
	out, err := lambda.NewFromConfig(d.records(model.AccountOf(function))).GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return "", ""
	}
	if out.LoggingConfig != nil {
		logGroup = aws.ToString(out.LoggingConfig.LogGroup)
	}
	return aws.ToString(out.Role), cmp.Or(logGroup, "/aws/lambda/"+function[strings.LastIndex(function, ":")+1:])
}

// functionTags are a function's tags; false if there is no such function.
func (d *documents) functionTags(ctx context.Context, function string) (map[string]string, bool) {
	out, err := lambda.NewFromConfig(d.records(model.AccountOf(function))).ListTags(ctx, &lambda.ListTagsInput{Resource: &function})
	if err != nil {
		return nil, false
	}
	return out.Tags, true
}

// machine is a state machine's role, and whether it writes logs and traces.
func (d *documents) machine(ctx context.Context, arn string) (role string, logs, traces bool) {
	out, err := sfn.NewFromConfig(d.records(model.AccountOf(arn))).DescribeStateMachine(ctx,
		&sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	if err != nil {
		return "", false, false
	}
	logs = out.LoggingConfiguration != nil && out.LoggingConfiguration.Level != "OFF"
	return aws.ToString(out.RoleArn), logs, out.TracingConfiguration != nil && out.TracingConfiguration.Enabled
}

// lacks says that there is no such log group. To describe it, MiniStack counts the bytes of all that is in it, and fails
// where functions write meanwhile: that a group cannot be read is no sign that it is not there.
func (d *documents) lacks(ctx context.Context, logGroup string) bool {
	_, err := cloudwatchlogs.NewFromConfig(d.records(model.AccountOf(logGroup))).ListTagsForResource(ctx,
		&cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &logGroup})
	_, lacks := errors.AsType[*cloudwatchlogstypes.ResourceNotFoundException](err)
	return lacks
}
