// Package registry keeps what rdslink knows about its exposures in one DynamoDB table: what each owns, who works on it, its
// connections, decisions and, while it waits for a person, its task token.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Exposure is one database endpoint shown to one consumer.
type Exposure struct {
	ID                 string     `dynamodbav:"id"`
	DatabaseARN        string     `dynamodbav:"databaseArn,omitempty"`
	DatabaseIdentifier string     `dynamodbav:"databaseIdentifier,omitempty"`
	Consumer           string     `dynamodbav:"consumer,omitempty"`
	Vendor             string     `dynamodbav:"vendor,omitempty"`
	Accounts           []string   `dynamodbav:"accounts,omitempty"` // whose connection requests are expected
	Acceptance         Acceptance `dynamodbav:"acceptance"`
	VPCID              string     `dynamodbav:"vpcId,omitempty"`
	Link               string     `dynamodbav:"link,omitempty"` // on which it is; a link's own id
	Claim              string     `dynamodbav:"claim,omitempty"`
	Requested          *Request   `dynamodbav:"requested,omitempty"` // nil where an earlier version claimed it last
	// Removing is the execution that takes it away, from the moment in which it takes away what serves it.
	Removing string `dynamodbav:"removing,omitempty"`
	// Superseded is the execution that a removal took the exposure from.
	Superseded string `dynamodbav:"superseded,omitempty"`
	Made

	Connections map[string]Connection `dynamodbav:"connections"` // by VPC endpoint id
	Decisions   []Decision            `dynamodbav:"decisions,omitempty"`
	Token       *Token                `dynamodbav:"token,omitempty"`
	Removal     *Token                `dynamodbav:"removal,omitempty"`  // what completes a removal that waits for a decision
	Awaiting    string                `dynamodbav:"awaiting,omitempty"` // "yes" while a token is stored: the sparse index's key
	Lease       *Lease                `dynamodbav:"lease,omitempty"`
	Fence       int64                 `dynamodbav:"fence"` // counts the leases given
	Sync        json.RawMessage       `dynamodbav:"sync,omitempty"`
	Life        Life                  `dynamodbav:"-"` // an item of its own, which Living and Survey read
	Watch       *Watch                `dynamodbav:"watch,omitempty"`

	Beside []Way `dynamodbav:"-"` // of a link's other exposures, where By has said so
	// Unreadable is why the item could not be decoded; then nothing but ID is filled in. Only All returns such exposures: they
	// exist, and somebody must be told.
	Unreadable error `dynamodbav:"-"`
}

// Made is what the steps made, each its own part of it, and record. The rest of an exposure has methods of its own,
// with their own conditions.
type Made struct {
	Generation                  int            `dynamodbav:"generation"` // raised when a recorded resource is gone
	ResolverFunction            string         `dynamodbav:"resolverFunction,omitempty"`
	TargetGroupARN              string         `dynamodbav:"targetGroupArn,omitempty"`
	Binding                     *Binding       `dynamodbav:"binding,omitempty"`
	LoadBalancerARN             string         `dynamodbav:"loadBalancerArn,omitempty"`
	LoadBalancerSecurityGroupID string         `dynamodbav:"loadBalancerSecurityGroupId,omitempty"`
	ListenerARN                 string         `dynamodbav:"listenerArn,omitempty"`
	ServiceID                   string         `dynamodbav:"serviceId,omitempty"`
	ServiceName                 string         `dynamodbav:"serviceName,omitempty"`
	ServiceChange               *ServiceChange `dynamodbav:"serviceChange,omitempty"`
	PrivateName                 *PrivateName   `dynamodbav:"privateName,omitempty"`
	Principals                  []string       `dynamodbav:"principals,omitempty"`
	FormerAccounts              []string       `dynamodbav:"formerAccounts,omitempty"` // of principals that the input named once
	DatabaseSecurityGroupID     string         `dynamodbav:"databaseSecurityGroupId,omitempty"`
	SecurityGroupRuleIDs        []string       `dynamodbav:"securityGroupRuleIds,omitempty"`
	BorrowedRules               []Borrowed     `dynamodbav:"borrowedRules,omitempty"` // those of them that are not the stack's
	Handoff                     string         `dynamodbav:"handoff,omitempty"`       // the text that the vendor gets
	Shared                      *Shared        `dynamodbav:"shared,omitempty"`        // nil where an earlier version handed over
	HandoffHash                 string         `dynamodbav:"handoffHash,omitempty"`
	Notify                      []string       `dynamodbav:"notify,omitempty"` // who was to be subscribed to the hand-off
	ScheduleName                string         `dynamodbav:"scheduleName,omitempty"`

	// What an inspection holds AWS against. It is absent where an earlier version made the exposure.
	ListenerPort          int32    `dynamodbav:"listenerPort,omitempty"`
	LoadBalancerSubnetIDs []string `dynamodbav:"loadBalancerSubnetIds,omitempty"`
	ZoneIDsWithoutService []string `dynamodbav:"zoneIdsWithoutService,omitempty"` // the load balancer is there, and PrivateLink is not
	SupportedRegions      []string `dynamodbav:"supportedRegions,omitempty"`
	Ingress               string   `dynamodbav:"ingress,omitempty"`             // how the load balancer is let in: see internal/ingress
	ConnectionsTopicARN   string   `dynamodbav:"connectionsTopicArn,omitempty"` // that the service's notification goes to
	FlowLogIDs            []string `dynamodbav:"flowLogIds,omitempty"`          // of the nodes' interfaces
	ScheduleRoleARN       string   `dynamodbav:"scheduleRoleArn,omitempty"`
	IPSyncFunctionARN     string   `dynamodbav:"ipSyncFunctionArn,omitempty"`
}

// Borrowed is a rule that an exposure goes by and that is not its stack's.
type Borrowed struct {
	SecurityGroupRuleID string `dynamodbav:"securityGroupRuleId"`
	Stack               string `dynamodbav:"stack"`
}

// Shared is what was handed over beside what the steps made.
type Shared struct {
	AvailabilityZoneIDs        []string `dynamodbav:"availabilityZoneIds"`
	ZoneIDsWithoutLoadBalancer []string `dynamodbav:"zoneIdsWithoutLoadBalancer"`
	ZoneIDsWithoutService      []string `dynamodbav:"zoneIdsWithoutService"`
	NotNotified                []string `dynamodbav:"notNotified"`
	StillSubscribed            []string `dynamodbav:"stillSubscribed"`
}

// ServiceChange is the last change that was asked of the endpoint service, and at which attempt of which execution.
type ServiceChange struct {
	Execution string `dynamodbav:"execution,omitempty"`
	Attempt   int    `dynamodbav:"attempt"`
	Change    string `dynamodbav:"change,omitempty"`
}

// PrivateName is the private DNS name that the service was given, and what proves its domain. The record is the exposure's
// own where a zone is named; elsewhere a person makes it, and was told of its value.
type PrivateName struct {
	Name     string `dynamodbav:"name,omitempty"`
	ZoneID   string `dynamodbav:"zoneId,omitempty"`
	Record   string `dynamodbav:"record,omitempty"`
	Value    string `dynamodbav:"value,omitempty"`
	Told     string `dynamodbav:"told,omitempty"`
	Verified bool   `dynamodbav:"verified"` // when it was last looked at
	// Execution is the one that has it verified, or had, Since then. Where that took the name back, as it was not verified in
	// time, there is no name any more.
	Execution string    `dynamodbav:"execution,omitempty"`
	Since     time.Time `dynamodbav:"since"`
}

// Anew is the name as an execution begins to have it verified.
func (n PrivateName) Anew(execution string, now time.Time) PrivateName {
	n.Execution, n.Since, n.Verified, n.Told = execution, now.UTC(), false, ""
	return n
}

// Acceptance is who may accept a connection request, and how many.
type Acceptance struct {
	Mode           string `dynamodbav:"mode" json:"mode"`
	MaxConnections int    `dynamodbav:"maxConnections" json:"maxConnections"`
}

// Request is who asked for the exposure as it is now, and when an execution took that up. By is what the input claims: Step
// Functions does not tell an execution by whom it was started.
type Request struct {
	By    string    `dynamodbav:"by,omitempty"`
	At    time.Time `dynamodbav:"at"`
	First time.Time `dynamodbav:"first"` // when the first execution did; zero where that was an earlier version's
}

// Connection is the last state seen of a consumer's endpoint, and since when.
type Connection struct {
	Owner      string    `dynamodbav:"owner" json:"owner"`
	State      string    `dynamodbav:"state" json:"state"`
	Seen       time.Time `dynamodbav:"seen" json:"seen"`
	Unexpected bool      `dynamodbav:"unexpected,omitempty" json:"unexpected,omitempty"` // told of as one of an account that is not expected
	// Telling is until when somebody is about to tell of the state (Unix milliseconds); 0 once it is told.
	Telling int64 `dynamodbav:"telling,omitempty" json:"-"`
}

// Decision is what was done about a connection request, and on whose word. By is what the event claims: an event carries no
// proven principal.
type Decision struct {
	EndpointID string    `dynamodbav:"endpointId"`
	Action     string    `dynamodbav:"action"`
	By         string    `dynamodbav:"by,omitempty"`
	Reason     string    `dynamodbav:"reason,omitempty"`
	EventID    string    `dynamodbav:"eventId,omitempty"`
	Time       time.Time `dynamodbav:"time"`
	Failed     bool      `dynamodbav:"failed,omitempty"` // AWS refused it
}

// Token is what completes a waiting step, and which attempt of which execution waits for it.
type Token struct {
	Value        string    `dynamodbav:"value"`
	Execution    string    `dynamodbav:"execution"`
	RedriveCount int       `dynamodbav:"redriveCount"`
	RetryCount   int       `dynamodbav:"retryCount"`
	Since        time.Time `dynamodbav:"since"`
	Deadline     time.Time `dynamodbav:"deadline"`
	Reminded     int       `dynamodbav:"reminded,omitempty"` // the day of the wait that people were last reminded of
}

// Lease is who may change an exposure's targets, and until when (Unix milliseconds: DynamoDB compares numbers).
type Lease struct {
	Holder string `dynamodbav:"holder"`
	Until  int64  `dynamodbav:"until"`
}

// An Index of the table has the items that have the attribute Key, by its value.
type Index struct{ Name, Key string }

// The indexes of the table.
var (
	DatabaseIndex = Index{"database", "databaseArn"}
	ServiceIndex  = Index{"service", "serviceId"}
	AwaitingIndex = Index{"awaiting", "awaiting"}
)

const awaitingYes = "yes"

type client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// Table is the registry.
type Table struct {
	client client
	name   string
	now    func() time.Time
	only   []string // the attributes that are read, where not all are
}

// New is the registry in the DynamoDB table name.
func New(client client, name string) *Table {
	return &Table{client: client, name: name, now: time.Now}
}

// ErrNotFound is the error of an exposure that the registry does not know.
var ErrNotFound = errors.New("not in the registry")

// Get reads an exposure, as it is after every write so far.
func (t *Table) Get(ctx context.Context, id string) (Exposure, error) {
	item, err := t.item(ctx, id)
	if err != nil {
		return Exposure{}, fmt.Errorf("get exposure %s: %w", id, err)
	}
	if item == nil {
		return Exposure{}, fmt.Errorf("get exposure %s: %w", id, ErrNotFound)
	}
	return decode(item)
}

// ByDatabase reads the exposures of a database. One whose item does not decode hinders no other: it is logged and left out.
func (t *Table) ByDatabase(ctx context.Context, databaseARN string) ([]Exposure, error) {
	found, err := t.query(ctx, DatabaseIndex, databaseARN)
	return readable(found), err
}

// ByService reads the exposure that owns an endpoint service, if there is one.
func (t *Table) ByService(ctx context.Context, serviceID string) (Exposure, bool, error) {
	found, err := t.query(ctx, ServiceIndex, serviceID)
	if err != nil || len(found) == 0 {
		return Exposure{}, false, err
	}
	return found[0], true, found[0].Unreadable
}

// Awaiting reads the exposures whose execution waits for a connection. One whose item does not decode is logged and left
// out.
func (t *Table) Awaiting(ctx context.Context) ([]Exposure, error) {
	found, err := t.query(ctx, AwaitingIndex, awaitingYes)
	return readable(found), err
}

func readable(found []Exposure) []Exposure {
	return slices.DeleteFunc(found, func(e Exposure) bool { return e.Unreadable != nil })
}

// All reads every exposure and every link, each as its item has it, also those whose items do not decode: see Unreadable.
// The table also holds the VPCs' resolvers, which have no database and no link.
func (t *Table) All(ctx context.Context) ([]Exposure, error) {
	items, err := t.scan(ctx, expression.Name("databaseArn").AttributeExists().Or(expression.Name("link").AttributeExists()))
	if err != nil {
		return nil, err
	}
	return decodeAll(ctx, nil, items), nil
}

func (t *Table) scan(ctx context.Context, filter expression.ConditionBuilder) ([]item, error) {
	builder := expression.NewBuilder().WithFilter(filter)
	if len(t.only) > 0 {
		builder = builder.WithProjection(t.attributes())
	}
	expr, err := builder.Build()
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", t.name, err)
	}
	pages := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{
		TableName:                 &t.name,
		FilterExpression:          expr.Filter(),
		ProjectionExpression:      expr.Projection(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
		ConsistentRead:            aws.Bool(true),
	})
	var all []item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("scan %s: %w", t.name, err)
		}
		all = append(all, page.Items...)
	}
	return all, nil
}

func (t *Table) query(ctx context.Context, index Index, value string) ([]Exposure, error) {
	expr, err := expression.NewBuilder().WithKeyCondition(expression.Key(index.Key).Equal(expression.Value(value))).Build()
	if err != nil {
		return nil, fmt.Errorf("query %s %s: %w", index.Key, value, err)
	}
	pages := dynamodb.NewQueryPaginator(t.client, &dynamodb.QueryInput{
		TableName:                 &t.name,
		IndexName:                 &index.Name,
		KeyConditionExpression:    expr.KeyCondition(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
	})
	var found []Exposure
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query %s %s: %w", index.Key, value, err)
		}
		found = decodeAll(ctx, found, page.Items)
	}
	return found, nil
}

type item = map[string]types.AttributeValue

func (t *Table) item(ctx context.Context, id string) (item, error) {
	in := &dynamodb.GetItemInput{TableName: &t.name, Key: key(id), ConsistentRead: aws.Bool(true)}
	var err error
	if in.ProjectionExpression, in.ExpressionAttributeNames, err = t.projection(); err != nil {
		return nil, err
	}
	out, err := t.client.GetItem(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// update changes the item id if condition holds, and reports whether it held. It never makes an item: an update that names
// an exposure nobody claimed must not leave half a one behind.
func (t *Table) update(
	ctx context.Context, id string, change expression.UpdateBuilder, condition expression.ConditionBuilder,
) (item, bool, error) {
	return t.change(ctx, id, change, expression.Name("id").AttributeExists().And(condition))
}

// change changes the item id, or makes it, if condition holds, and reports whether it held.
func (t *Table) change(
	ctx context.Context, id string, change expression.UpdateBuilder, condition expression.ConditionBuilder,
) (item, bool, error) {
	expr, err := expression.NewBuilder().WithUpdate(change).WithCondition(condition).Build()
	if err != nil {
		return nil, false, err
	}
	out, err := t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &t.name,
		Key:                       key(id),
		UpdateExpression:          expr.Update(),
		ConditionExpression:       expr.Condition(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
		ReturnValues:              types.ReturnValueAllNew,

		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if lost, is := errors.AsType[*types.ConditionalCheckFailedException](err); is {
		return lost.Item, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return out.Attributes, true, nil
}

func key(id string) item {
	return item{"id": &types.AttributeValueMemberS{Value: id}}
}

func decode(from item) (Exposure, error) {
	var e Exposure
	if err := attributevalue.UnmarshalMap(from, &e); err != nil {
		return Exposure{}, fmt.Errorf("decode exposure: %w", err)
	}
	return e, nil
}

// decodeAll decodes each item by itself: what does not decode, because somebody has changed it by hand or because a later
// version wrote it, must not take the others away.
func decodeAll(ctx context.Context, to []Exposure, items []item) []Exposure {
	for _, i := range items {
		e, err := decode(i)
		if err != nil {
			e = Exposure{Unreadable: err}
			_ = attributevalue.Unmarshal(i["id"], &e.ID) // the table's key, a string
			slog.ErrorContext(ctx, "item of the registry does not decode", "exposure", e.ID, "error", err.Error())
		}
		to = append(to, e)
	}
	return to
}
