package steptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/registry"
)

// A mood is how an account without anything in it answers.
type mood int

const (
	empty    mood = iota // nothing is found, and nothing may be made
	refusing             // nothing is allowed
	busy                 // come back later
	cut                  // no answer
	moods
)

type moodKey struct{}

type moodOf struct {
	mood
	execution string // that holds whatever exposure is asked for
}

func in(ctx context.Context) moodOf {
	m, _ := ctx.Value(moodKey{}).(moodOf)
	return m
}

var errCut = errors.New("connection reset by peer")

// nothing is AWS, as the SDK's clients meet it, of an account without anything in it.
type nothing struct{}

func (nothing) Do(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	mood := in(r.Context()).mood
	if mood == cut {
		return nil, errCut
	}
	call := callOf(r, body)
	switch {
	case mood == busy:
		return call.refused(r, http.StatusTooManyRequests, "ThrottlingException")
	case mood == empty && call.lists:
		return answer(r, http.StatusOK, call.found, "")
	case mood == empty && call.gets:
		return call.refused(r, http.StatusNotFound, "ResourceNotFoundException")
	}
	return call.refused(r, http.StatusForbidden, "AccessDeniedException")
}

// A call is one of AWS's, in whichever of its protocols.
type call struct {
	lists, gets bool
	xml         bool
	found       string
}

var action = regexp.MustCompile(`(?:^|&)Action=(\w+)`)

func callOf(r *http.Request, body string) call {
	if query := action.FindStringSubmatch(body); query != nil {
		name := query[1]
		c := call{xml: true, lists: lists(name), found: fmt.Sprintf("<%[1]sResponse><%[1]sResult/></%[1]sResponse>", name)}
		if strings.Contains(body, "Version=2016-11-15") { // EC2's, which has no result within the response
			c.found = fmt.Sprintf("<%[1]sResponse/>", name)
		}
		return c
	}
	if _, name, is := strings.Cut(r.Header.Get("X-Amz-Target"), "."); is {
		return call{lists: lists(name), gets: strings.HasPrefix(name, "Get"), found: "{}"}
	}
	return call{lists: r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "s"), gets: r.Method == http.MethodGet, found: "{}"}
}

func lists(action string) bool {
	return strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "List")
}

func (c call) refused(r *http.Request, status int, code string) (*http.Response, error) {
	if c.xml {
		const text = "<ErrorResponse><Errors><Error><Code>%[1]s</Code><Message>no</Message></Error></Errors>" +
			"<Error><Code>%[1]s</Code><Message>no</Message></Error></ErrorResponse>"
		return answer(r, status, fmt.Sprintf(text, code), code)
	}
	return answer(r, status, fmt.Sprintf(`{"__type":%q,"message":"no"}`, code), code)
}

func answer(r *http.Request, status int, body, code string) (*http.Response, error) {
	header := http.Header{}
	if code != "" {
		header.Set("X-Amzn-Errortype", code)
	}
	return &http.Response{StatusCode: status, Header: header, Request: r, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

type option = func(*dynamodb.Options)

// items are a registry in which every exposure is as the one that it was made with, and held by whoever asks.
type items struct{ exposure registry.Exposure }

// item is the one of an id; a resolver's or a life's has nothing in it.
func (t items) item(ctx context.Context, id string) (map[string]types.AttributeValue, error) {
	switch m := in(ctx); {
	case m.mood == cut:
		return nil, errCut
	case strings.Contains(id, "/"):
		return nil, nil
	}
	e := t.exposure
	e.ID, e.Claim = id, in(ctx).execution
	return attributevalue.MarshalMap(e)
}

func id(key map[string]types.AttributeValue) string {
	value, _ := key["id"].(*types.AttributeValueMemberS)
	if value == nil {
		return ""
	}
	return value.Value
}

func (t items) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...option) (*dynamodb.GetItemOutput, error) {
	found, err := t.item(ctx, id(in.Key))
	return &dynamodb.GetItemOutput{Item: found}, err
}

func (t items) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...option) (*dynamodb.PutItemOutput, error) {
	_, err := t.item(ctx, id(in.Item))
	return &dynamodb.PutItemOutput{}, err
}

func (t items) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...option) (*dynamodb.UpdateItemOutput, error) {
	found, err := t.item(ctx, id(in.Key))
	return &dynamodb.UpdateItemOutput{Attributes: found}, err
}

func (t items) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...option) (*dynamodb.DeleteItemOutput, error) {
	_, err := t.item(ctx, id(in.Key))
	return &dynamodb.DeleteItemOutput{}, err
}

func (t items) Query(ctx context.Context, _ *dynamodb.QueryInput, _ ...option) (*dynamodb.QueryOutput, error) {
	found, err := t.item(ctx, t.exposure.ID)
	return &dynamodb.QueryOutput{Items: []map[string]types.AttributeValue{found}}, err
}

func (t items) Scan(ctx context.Context, _ *dynamodb.ScanInput, _ ...option) (*dynamodb.ScanOutput, error) {
	found, err := t.item(ctx, t.exposure.ID)
	return &dynamodb.ScanOutput{Items: []map[string]types.AttributeValue{found}}, err
}

// account is the configuration of a function in that account, which tries nothing twice.
func account() aws.Config {
	return aws.Config{
		Region: "eu-central-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: nothing{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}
